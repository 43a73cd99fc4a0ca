import { parseArgs } from "node:util";
import { startPayPalSimulator } from "../services/payment/simulator/server.ts";
import { onLeaving } from "./leaving.ts";
import { giveUp } from "./terminal.ts";

// npm run paypal:simulator [-- PORT]: a PayPal in memory on loopback, for programs that want PAYPAL_URL to point somewhere.
const help = `npm run paypal:simulator -- [PORT] [options]

A PayPal in memory on 127.0.0.1; any client id and secret get a token, no money moves. PORT 0, the default, picks a free one.

  --record FILE   append every exchange to FILE as a line of JSON, secrets masked
  --latency MS    how long a call takes (0)
  --help          this text

What it offers and how it is made to fail: services/payment/simulator/README.md`;

try {
  const options = { record: { type: "string" }, latency: { type: "string", default: "0" }, help: { type: "boolean" } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  if (values.help) {
    console.log(help);
    process.exit(0);
  }
  const [port, latencyMs] = [Number(positionals[0] ?? 0), Number(values.latency)];
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`Expected a port between 0 and 65535; got "${positionals[0]}".`);
  if (!(latencyMs >= 0)) throw new Error(`Expected --latency in milliseconds; got "${values.latency}".`);
  const simulator = await startPayPalSimulator({ port, host: "127.0.0.1", latencyMs, ...(values.record && { record: values.record }) });
  console.log(`PayPal simulator listens on ${simulator.url}`);
  process.send?.({ url: simulator.url });
  const leave = () => void simulator.close().finally(() => process.exit(0));
  onLeaving(leave, () => process.exit(1));
} catch (error) {
  giveUp(error);
}
