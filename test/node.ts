import { randomBytes } from "node:crypto";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import type { TestDatabase } from "./database.ts";

/** A node of a cluster of its own, as `npm run node` starts it: real configuration, real NATS, a suite's own database. */
export interface TestNode {
  broker: ServiceBroker;
  stop(): Promise<void>;
}

/**
 * Starts the services on a node. The environment is read once per suite: a suite that uses this must not import config/env.ts, or what
 * imports it, statically.
 * @param services folders under services/, or what gives the schemas
 */
export async function testNode(
  services: string[] | (() => Promise<ServiceSchema[]>),
  database: Pick<TestDatabase, "url">,
): Promise<TestNode> {
  const namespace = `test-${randomBytes(6).toString("hex")}`;
  Object.assign(process.env, { LEGENDO_NAMESPACE: namespace, DATABASE_URL: database.url });
  const { env } = await import("../config/env.ts");
  if (env.LEGENDO_NAMESPACE !== namespace) throw new Error("config/env.ts was imported before testNode could set the environment.");
  const { default: options } = await import("../moleculer.config.ts");
  const { deleteStreams } = await import("./streams.ts");
  const { loadServices } = await import("../scripts/services.ts");
  const broker = new ServiceBroker({ ...options, nodeID: namespace });
  const schemas = Array.isArray(services) ? await loadServices(services) : await services();
  for (const schema of schemas) broker.createService(schema);
  const stop = async () => {
    await broker.stop();
    await deleteStreams(namespace);
  };
  try {
    await broker.start();
  } catch (error) {
    await stop();
    throw error;
  }
  return { broker, stop };
}
