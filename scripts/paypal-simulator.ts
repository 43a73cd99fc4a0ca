import { startPayPalSimulator } from "../services/payment/simulator/server.ts";
import { onLeaving } from "./leaving.ts";
import { giveUp } from "./terminal.ts";

// npm run paypal:simulator [-- PORT]: a PayPal in memory on loopback, for programs that want PAYPAL_URL to point somewhere.
try {
  const port = Number(process.argv[2] ?? 0);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`Expected a port between 0 and 65535; got "${process.argv[2]}".`);
  const simulator = await startPayPalSimulator({ port, host: "127.0.0.1" });
  console.log(`PayPal simulator listens on ${simulator.url}`);
  process.send?.({ url: simulator.url });
  const leave = () => void simulator.close().finally(() => process.exit(0));
  onLeaving(leave, () => process.exit(1));
} catch (error) {
  giveUp(error);
}
