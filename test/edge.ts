import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { ServiceBroker, type ServiceSchema } from "moleculer";
import { connect, type NatsConnection } from "nats";
import { subjects } from "../config/events.ts";
import type { Permission } from "../config/permissions.ts";

export interface TestEdge {
  url: string;
  namespace: string;
  vaultUrl: string;
  /** The node with the edge, and the one with the services behind it. */
  edge: ServiceBroker;
  behind: ServiceBroker;
  nats: NatsConnection;
  claim(tenantId: string, permissions: Permission[]): Promise<string>;
  stop(): Promise<void>;
}

/**
 * A cluster of two nodes on real NATS: the edge, and a suite's own services behind it. A suite must not import config/env.ts, or what
 * imports it, statically: the environment is read once, and set here.
 */
export async function testEdge(services: (tools: { nodeID: string }) => ServiceSchema[], environment: Record<string, string> = {}) {
  const namespace = `test-${randomBytes(6).toString("hex")}`;
  const folder = await mkdtemp(join(tmpdir(), "edge-"));
  const vaultUrl = pathToFileURL(join(folder, "vault")).href;
  Object.assign(process.env, { LEGENDO_NAMESPACE: namespace, PORT: "0", VAULT_URL: vaultUrl, VAULT_FSYNC: "false", ...environment });
  const { env } = await import("../config/env.ts");
  if (env.LEGENDO_NAMESPACE !== namespace) throw new Error("config/env.ts was imported before testEdge could set the environment.");
  const { natsOptions } = await import("../config/nats.ts");
  const { serviceClaim } = await import("../mixins/claim.ts");
  const { default: api } = await import("../services/api/api.service.ts");
  const edge = await newBroker("edge");
  const behind = await newBroker("behind");
  edge.createService(api);
  for (const schema of services({ nodeID: "behind" })) behind.createService(schema);
  await Promise.all([edge.start(), behind.start()]);
  const nats = await connect(natsOptions(env, `${namespace} suite`));
  const local = edge.getLocalService("api") as unknown as { address: string; youngUntil: number };
  // A suite has some of the services: it need not wait for the others.
  local.youngUntil = 0;
  const { address: url } = local;
  return {
    url,
    namespace,
    vaultUrl,
    edge,
    behind,
    nats,
    claim: (tenantId, permissions) => serviceClaim(env.CLUSTER_SECRET, "suite", tenantId, permissions),
    async stop() {
      await Promise.all([edge, behind].map((broker) => broker.stop()));
      const jsm = await nats.jetstreamManager();
      const { eventStream, bellStream, actStream, checkpointStream } = subjects(namespace);
      await Promise.all(
        [eventStream, bellStream, actStream, checkpointStream].map((stream) => jsm.streams.delete(stream).catch(() => false)),
      );
      await nats.close();
      await rm(folder, { recursive: true, force: true });
    },
  } satisfies TestEdge;
}

/** The transporter, validator and regenerator of a configuration belong to one broker, and two of them live in this process. */
export async function newBroker(nodeID: string): Promise<ServiceBroker> {
  const { env } = await import("../config/env.ts");
  const { default: options } = await import("../moleculer.config.ts");
  const { FastNats } = await import("../config/transporter.ts");
  const { MaskingRegenerator } = await import("../config/regenerator.ts");
  const { SchemaValidator } = await import("../mixins/validator.ts");
  const { natsOptions } = await import("../config/nats.ts");
  return new ServiceBroker({
    ...options,
    nodeID,
    transporter: new FastNats(natsOptions(env, nodeID)) as never,
    validator: new SchemaValidator({}) as never,
    errorRegenerator: new MaskingRegenerator(),
  });
}

/** Waits until `probe` gives something other than undefined or false. */
export async function until<T>(probe: () => Promise<T>, what: string, limitMs = 5_000): Promise<Exclude<T, undefined | false>> {
  const limit = Date.now() + limitMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found as Exclude<T, undefined | false>;
    if (Date.now() > limit) throw new Error(`Waited ${limitMs} ms in vain for ${what}.`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
