import { ServiceBroker, type BrokerOptions } from "moleculer";
import { loadServices } from "./services.ts";

// One node of the cluster: SERVICES says what it hosts, config/env.ts everything else. It leaves in order on SIGTERM, SIGINT or when
// the process that started it with a channel disappears.
const graceMs = 13_000;

try {
  const { env, list } = await import("../config/env.ts");
  const { default: configuration } = (await import("../moleculer.config.ts")) as { default: BrokerOptions | (() => BrokerOptions) };
  const schemas = await loadServices(list(env.SERVICES));
  const options = typeof configuration === "function" ? configuration() : configuration;
  const broker = new ServiceBroker({ ...options, skipProcessEventRegistration: true });
  leaveInOrder(broker);
  for (const schema of schemas) broker.createService(schema);
  await broker.start();
} catch (error) {
  // Before the broker runs there is no log to write to but the terminal.
  console.error(error instanceof Error && /^(SERVICES|The environment)/.test(error.message) ? error.message : error);
  process.exit(1);
}

function leaveInOrder(broker: ServiceBroker): void {
  let leaving = false;
  const leave = (why: string, code: number) => {
    if (leaving) return;
    leaving = true;
    broker.logger.info(`Leaving the cluster: ${why}`);
    setTimeout(() => process.exit(code || 1), graceMs).unref();
    broker
      .stop()
      .catch((error: unknown) => broker.logger.error("The node did not stop cleanly", error))
      .finally(() => process.exit(code));
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => leave(signal, 0));
  process.on("disconnect", () => leave("the process that started it is gone", 0));
  for (const failure of ["unhandledRejection", "uncaughtException"] as const) {
    // The state after an error that nobody handled is unknown: leave, and let the supervisor start anew.
    process.on(failure, (error: unknown) => {
      broker.logger.fatal(`${failure}`, error);
      leave(failure, 1);
    });
  }
}
