import { existsSync } from "node:fs";
import { join } from "node:path";
import { ServiceBroker, type BrokerOptions } from "moleculer";
import { attachEnvironment, dataFolder } from "./cluster.ts";
import { giveUp } from "./terminal.ts";

// npm run repl: an operator's node without services, attached to the cluster in .data, or to the one that the environment describes.
try {
  const dataDir = dataFolder();
  if (existsSync(join(dataDir, "cluster.json"))) Object.assign(process.env, attachEnvironment(dataDir));
  // Read after the environment is set: config/env.ts reads it once.
  const { default: configuration } = (await import("../repl.config.ts")) as { default: BrokerOptions | (() => BrokerOptions) };
  const broker = new ServiceBroker(typeof configuration === "function" ? configuration() : configuration);
  await broker.start();
  broker.repl();
} catch (error) {
  giveUp(error);
}
