import { fork } from "node:child_process";
import { randomBytes, randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { root } from "../../scripts/cluster.ts";
import type { Running } from "../../scripts/servers/process.ts";
import type { TestDatabase } from "../../test/database.ts";
import { startProcess } from "../../test/processes.ts";

/** Sync nodes, as many as are asked for, and a web server with 20 ms to each answer that they sync from. */
export interface ScaleCluster {
  /** Stops the nodes there are and starts others, with so many slots for jobs each. */
  nodes(count: number, slots: number): Promise<void>;
  ask<N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"]): Promise<ActionMap[N]["result"]>;
  /** A folder of the web server that nobody has synced before, as a job takes it. */
  folder(files: number, size: number): { input: string; http: { listing: "index" }; options: { analyse: false } };
  stop(): Promise<void>;
}

export const latencyMs = 20;

/** The environment is read once per process: what calls this must not have imported config/env.ts. */
export async function startCluster(world: TestDatabase, folder: string): Promise<ScaleCluster> {
  const namespace = `scale-${randomBytes(6).toString("hex")}`;
  const server = fork(join(root, "bench/scale/slow.ts"), [String(latencyMs)], { execArgv: ["--no-warnings"] });
  const port = await new Promise<number>((resolve, reject) => {
    server.once("message", (message: { port: number }) => resolve(message.port));
    server.once("exit", (code) => reject(new Error(`the web server ended with ${code}`)));
  });
  const cluster = {
    LEGENDO_NAMESPACE: namespace,
    DATABASE_URL: world.url,
    VAULT_URL: pathToFileURL(join(folder, "vault")).href,
    SYNC_PRIVATE_HOSTS: `127.0.0.1:${port}`,
    SYNC_HOST_JOBS: "0",
    // One thread: a node waits for the source before it fills a core.
    SYNC_THREADS: "1",
    LOG_LEVEL: "error",
  };
  Object.assign(process.env, cluster);
  const { env } = await import("../../config/env.ts");
  const { default: options } = await import("../../moleculer.config.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  const { deleteStreams } = await import("../../test/streams.ts");
  const broker = new ServiceBroker({ ...options, nodeID: `${namespace}-caller` });
  await broker.start();

  let running: Running[] = [];
  let started = 0;
  const stopNodes = async () => {
    await Promise.all(running.map((node) => node.stop(10_000)));
    running = [];
  };
  const workers = async () => {
    const known = await broker.call<{ services?: { name: string }[] }[], object>("$node.list", { onlyAvailable: true, withServices: true });
    return known.filter(({ services }) => services?.some(({ name }) => name === "sync.worker")).length;
  };
  return {
    async nodes(count, slots) {
      await stopNodes();
      running = Array.from({ length: count }, () =>
        startProcess(`${namespace}-${++started}`, folder, "scripts/node.ts", { ...cluster, SERVICES: "sync", SYNC_JOBS: String(slots) }),
      );
      for (const limit = Date.now() + 60_000; (await workers()) !== count; await sleep(50))
        if (Date.now() > limit) throw new Error(`${count} nodes were not there within a minute, see ${folder}`);
    },
    async ask(tenantId, name, params) {
      const claim = await serviceClaim(env.CLUSTER_SECRET, "scale", tenantId, ["sync:write", "sync:read"]);
      return await call(broker, name, params, { meta: { claim } });
    },
    folder: (files, size) => ({
      input: `http://127.0.0.1:${port}/${randomUUID().replaceAll("-", "")}-${files}-${size}/`,
      http: { listing: "index" },
      options: { analyse: false },
    }),
    async stop() {
      await stopNodes();
      await broker.stop();
      server.disconnect();
      await deleteStreams(namespace);
    },
  };
}
