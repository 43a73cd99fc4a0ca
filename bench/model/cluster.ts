import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { migrate } from "../../config/migrate.ts";
import type { Vault } from "../../mixins/vault/ticket.ts";
import { clusterEnvironment } from "../../scripts/environment.ts";
import type { Running } from "../../scripts/servers/process.ts";
import type { JobView } from "../../services/sync/job.ts";
import { startProcess } from "../../test/processes.ts";
import type { Victims } from "./servers.ts";

/** Two sync nodes that come back when they end, and somebody who asks them. */
export interface ModelCluster {
  /** Servers come and go: an answer may take a while, but it comes. */
  ask<N extends ActionName>(this: void, tenantId: string, name: N, params: ActionMap[N]["params"]): Promise<ActionMap[N]["result"]>;
  /** A job when it has ended. */
  ended(this: void, tenantId: string, id: string): Promise<JobView>;
  /** As the administrator of PostgreSQL, who sees every tenant's rows. */
  query<T extends pg.QueryResultRow>(sql: string, params?: unknown[]): Promise<T[]>;
  /** For the length of some work. */
  withVault<T>(work: (vault: Vault) => Promise<T>): Promise<T>;
  names: string[];
  /** Sends a signal; resolves when the node is there again, where the signal ends it. */
  strike(name: string, signal: "SIGKILL" | "SIGTERM" | "SIGSTOP" | "SIGCONT" | "SIGUSR2"): Promise<void>;
  /** How often a node has ended without having been told to, by how it did. */
  fallen: Record<string, number>;
  stop(): Promise<void>;
}

const final = new Set(["completed", "completed_with_errors", "failed", "cancelled"]);
const ending = new Set<string>(["SIGKILL", "SIGTERM"]);

/**
 * The environment is read once per process: what calls this must not have imported config/env.ts.
 * @param roots the folders that may be synced
 */
export async function startModel(folder: string, vaultFolder: string, roots: string[], victims: Victims): Promise<ModelCluster> {
  const namespace = `model-${randomUUID().slice(0, 8)}`;
  for (const name of ["CLUSTER_SECRET", "MASTER_KEYS", "VAULT_URL"]) delete process.env[name];
  const cluster = {
    ...clusterEnvironment(join(folder, "servers"), victims.urls, victims.secrets),
    VAULT_URL: pathToFileURL(vaultFolder).href,
    LEGENDO_NAMESPACE: namespace,
    SYNC_FILE_ROOTS: roots.join(","),
    SYNC_UPKEEP: "false",
    SERVICES: "sync",
    LOG_LEVEL: "error",
    METRICS_PORT: "0",
  };
  Object.assign(process.env, cluster);
  await migrate(victims.urls.postgres, victims.secrets.clusterSecret);
  const { env } = await import("../../config/env.ts");
  const { default: options } = await import("../../moleculer.config.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  const { openVault } = await import("../../mixins/vault/environment.ts");

  const broker = new ServiceBroker({ ...options, nodeID: `${namespace}-watcher` });
  const nodes = new Map<string, Running>();
  const fallen: Record<string, number> = {};
  const told = new Set<number>();
  let stopping = false;
  const preload = pathToFileURL(join(import.meta.dirname, "threadkiller.ts")).href;
  const start = (name: string): void => {
    const node = startProcess(`${namespace}-${name}`, folder, ["--import", preload, "scripts/node.ts"], cluster);
    nodes.set(name, node);
    void node.ended.then((how) => {
      if (stopping) return;
      if (!told.has(node.pid)) fallen[how] = (fallen[how] ?? 0) + 1;
      start(name);
    });
  };
  const names = ["1", "2"];
  for (const name of names) start(name);
  await broker.start();

  const ask: ModelCluster["ask"] = async (tenantId, name, params) => {
    // The same key for every try: an answer that was lost must not make a second job.
    const idempotencyKey = randomUUID();
    for (let tries = 1; ; tries++) {
      const claim = await serviceClaim(env.CLUSTER_SECRET, "model", tenantId, ["sync:write", "sync:read", "assets:read", "internal"]);
      try {
        return await call(broker, name, params, { meta: { claim, idempotencyKey }, timeout: 5_000 });
      } catch (error) {
        const { code, retryable } = error as { code?: number; retryable?: boolean };
        if (tries === 60 || (!retryable && typeof code === "number" && code < 500)) throw error;
        await sleep(500);
      }
    }
  };

  return {
    ask,
    names,
    fallen,
    async ended(tenantId, id) {
      for (let tries = 0; tries < 2_400; tries++) {
        const job = await ask(tenantId, "sync.jobs.get", { id });
        if (final.has(job.status)) return job;
        await sleep(100);
      }
      throw new Error(`Job ${id} did not end.`);
    },
    async query<T extends pg.QueryResultRow>(sql: string, params?: unknown[]) {
      const client = new pg.Client({ connectionString: victims.urls.postgres });
      await client.connect();
      try {
        return (await client.query<T>(sql, params)).rows;
      } finally {
        await client.end();
      }
    },
    async withVault(work) {
      const vault = await openVault(env);
      try {
        return await work(vault);
      } finally {
        await vault.store.close();
      }
    },
    async strike(name, signal) {
      const node = nodes.get(name)!;
      if (ending.has(signal)) told.add(node.pid);
      process.kill(node.pid, signal);
      if (ending.has(signal)) await node.ended;
    },
    async stop() {
      stopping = true;
      await broker.stop().catch(() => {});
      await Promise.all([...nodes.values()].map((node) => node.stop(10_000)));
    },
  };
}
