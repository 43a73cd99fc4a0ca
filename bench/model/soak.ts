import { createHash, randomUUID } from "node:crypto";
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ServiceBroker } from "moleculer";
import pg from "pg";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { Page } from "../../config/action.ts";
import { migrate } from "../../config/migrate.ts";
import { clusterEnvironment } from "../../scripts/environment.ts";
import type { Running } from "../../scripts/servers/process.ts";
import type { JobView } from "../../services/sync/job.ts";
import { startProcess } from "../../test/processes.ts";
import type { Random } from "./random.ts";
import { startVictims } from "./servers.ts";
import { change, filesIn, stateOf } from "./tree.ts";

export interface Soak {
  folder: string;
  rounds: number;
  random: Random;
  /** Changes before, and about as many during, each round's job. */
  changes: number;
  report: (line: string) => void;
}

export interface Findings {
  jobs: Record<string, number>;
  kills: Record<string, number>;
  changes: Record<string, number>;
  versions: number;
  /** What is not as it must be. */
  faults: string[];
}

type Kill = "node" | "stop" | "nats" | "redis" | "postgres";
const final = new Set(["completed", "completed_with_errors", "failed", "cancelled"]);
const largest = 2 ** 31;

/**
 * Random trees, random changes between and during runs, random kills of nodes and servers. After the dust has settled the catalogue equals
 * the source, every version that was ever seen is readable with its checksum, the vault proves sound, and no orphan is left after garbage
 * collection. The environment is read once per process: what calls this must not have imported config/env.ts.
 */
export async function soak({ folder, rounds, random, changes, report }: Soak): Promise<Findings> {
  const root = join(folder, "source");
  mkdirSync(root, { recursive: true });
  const victims = await startVictims(join(folder, "servers"));
  const namespace = `model-${randomUUID().slice(0, 8)}`;
  for (const name of ["CLUSTER_SECRET", "MASTER_KEYS", "VAULT_URL"]) delete process.env[name];
  const cluster = {
    ...clusterEnvironment(join(folder, "servers"), victims.urls, victims.secrets),
    VAULT_URL: pathToFileURL(join(folder, "vault")).href,
    LEGENDO_NAMESPACE: namespace,
    SYNC_FILE_ROOTS: root,
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
  const { readWhole } = await import("../../mixins/vault/ticket.ts");
  const { nameOfText } = await import("../../services/sync/sources/names.ts");

  const tenantId = randomUUID();
  const broker = new ServiceBroker({ ...options, nodeID: `${namespace}-watcher` });
  const findings: Findings = { jobs: {}, kills: {}, changes: {}, versions: 0, faults: [] };
  const count = (of: Record<string, number>, name: string) => void (of[name] = (of[name] ?? 0) + 1);
  /** Servers come and go: an answer may take a while, but it comes. */
  const ask = async <N extends ActionName>(name: N, params: ActionMap[N]["params"]): Promise<ActionMap[N]["result"]> => {
    const claim = await serviceClaim(env.CLUSTER_SECRET, "model", tenantId, ["sync:write", "sync:read", "assets:read", "internal"]);
    for (let tries = 1; ; tries++) {
      try {
        return await call(broker, name, params, { meta: { claim, idempotencyKey: undefined }, timeout: 5_000 });
      } catch (error) {
        const { code, retryable } = error as { code?: number; retryable?: boolean };
        if (tries === 60 || (!retryable && typeof code === "number" && code < 500)) throw error;
        await sleep(500);
      }
    }
  };
  const nodes = new Map<string, Running>();
  const start = (name: string) => nodes.set(name, startProcess(`${namespace}-${name}`, folder, "scripts/node.ts", cluster));

  const kill = async (what: Kill) => {
    count(findings.kills, what);
    if (what === "node" || what === "stop") {
      const name = random.pick([...nodes.keys()]);
      const node = nodes.get(name)!;
      process.kill(node.pid, what === "node" ? "SIGKILL" : "SIGTERM");
      await node.ended;
      start(name);
    } else await victims.kill(what);
  };
  const mutate = (times: number) => {
    for (let i = 0; i < times; i++) count(findings.changes, change(root, random));
  };
  const ended = async (id: string): Promise<JobView> => {
    for (let tries = 0; tries < 2_400; tries++) {
      const job = await ask("sync.jobs.get", { id });
      if (final.has(job.status)) return job;
      await sleep(100);
    }
    throw new Error(`Job ${id} did not end.`);
  };
  const create = () =>
    ask("sync.jobs.create", {
      input: pathToFileURL(root).href,
      mode: random.chance(0.1) ? "full" : "incremental",
      options: { analyse: false, thresholds: { deletes: 1e9, deleteShare: 1, changeShare: 1, emptied: false } },
    });

  /** Every version that was ever catalogued: asset and version → SHA-256. */
  const seen = new Map<string, string>();
  const assets = async () => {
    const found = new Map<string, { id: string; version: number }>();
    let cursor: string | null = null;
    do {
      const page: Page<{ id: string; path: string; version: number }> = await ask("sync.assets.list", {
        limit: 200,
        ...(cursor && { cursor }),
      });
      for (const { id, path, version } of page.data) {
        if (found.has(path)) findings.faults.push(`${path} is catalogued twice`);
        found.set(path, { id, version });
      }
      cursor = page.pagination.cursor;
    } while (cursor);
    return found;
  };
  const digest = async (id: string, version: number, vault: Awaited<ReturnType<typeof openVault>>) => {
    const { ticket } = await ask("sync.assets.ticket", { id, version });
    return createHash("sha256")
      .update(await readWhole(ticket, vault, largest))
      .digest("hex");
  };

  /** Compares catalogue and vault with the source, which nobody changes now. */
  const compare = async (when: string) => {
    const vault = await openVault(env);
    const there = stateOf(root);
    const catalogued = await assets();
    const wanted = new Map([...there].map(([path, sha256]) => [nameOfText(path), sha256]));
    for (const path of wanted.keys()) if (!catalogued.has(path)) findings.faults.push(`${when}: ${path} is missing in the catalogue`);
    for (const [path, { id, version }] of catalogued) {
      const expected = wanted.get(path);
      if (expected === undefined) findings.faults.push(`${when}: ${path} is catalogued, but not in the source`);
      else {
        const found = await digest(id, version, vault);
        if (found !== expected) findings.faults.push(`${when}: ${path} version ${version} has another content than the source`);
        seen.set(`${id} ${version}`, expected);
      }
    }
    await vault.store.close();
  };

  try {
    for (const name of ["1", "2"]) start(name);
    await broker.start();
    mutate(changes * 4);
    for (let round = 1; round <= rounds; round++) {
      mutate(changes);
      const { id } = await create();
      const killing = (async () => {
        const kinds: Kill[] = ["node", "node", "stop", "nats", "redis", "postgres"];
        for (let i = random.below(3); i > 0; i--) {
          await sleep(random.below(1_500));
          await kill(random.pick(kinds));
        }
      })();
      for (let i = 0; i < 5; i++) {
        await sleep(random.below(200));
        mutate(Math.ceil(changes / 5));
      }
      await killing;
      const job = await ended(id);
      count(findings.jobs, job.status);
      report(
        `round ${round}: ${job.status}${job.error ? ` (${job.error.type})` : ""}, ${job.items.stored} stored, ${job.items.moved} moved, ${job.items.gone} gone`,
      );
      if (round % 3 === 0 || round === rounds) {
        // Quiet: nothing changes while the next run looks.
        await sleep(50);
        const quiet = await ended((await create()).id);
        if (quiet.status !== "completed")
          findings.faults.push(`the quiet run after round ${round} ended ${quiet.status}: ${JSON.stringify(quiet.error)}`);
        await compare(`after round ${round}`);
      }
    }
    const vault = await openVault(env);
    for (const [key, expected] of seen) {
      const [id = "", version] = key.split(" ");
      try {
        if ((await digest(id, Number(version), vault)) !== expected) findings.faults.push(`version ${key} has another content than it had`);
      } catch (error) {
        findings.faults.push(`version ${key} can't be read: ${String(error)}`);
      }
    }
    findings.versions = seen.size;
    await vault.store.close();
    await upkeep(ask, ended, victims.urls.postgres, join(folder, "vault"), tenantId, findings);
    await compare("after garbage collection");
    writeFileSync(join(folder, "findings.json"), JSON.stringify(findings, null, 2));
    return findings;
  } finally {
    await broker.stop().catch(() => {});
    await Promise.all([...nodes.values()].map((node) => node.stop(10_000)));
    await victims.stop();
  }
}

/** Objects and packs age by two days: nothing is spared by a time of grace. */
async function letTimePass(postgres: string, vault: string, tenantId: string): Promise<void> {
  const then = new Date(Date.now() - 2 * 86_400_000);
  for (const path of filesIn(join(vault, tenantId))) utimesSync(join(vault, tenantId, path), then, then);
  const client = new pg.Client({ connectionString: postgres });
  await client.connect();
  await client.query(`update sync.packs set doomed_at = doomed_at - interval '2 days' where doomed_at is not null`);
  await client.end();
}

type Ask = <N extends ActionName>(name: N, params: ActionMap[N]["params"]) => Promise<ActionMap[N]["result"]>;

/** Garbage collection without grace, then the proof: every pack sound, no object without a row, no row without an object. */
async function upkeep(
  ask: Ask,
  ended: (id: string) => Promise<JobView>,
  postgres: string,
  vault: string,
  tenantId: string,
  findings: Findings,
): Promise<void> {
  for (let pass = 0; pass < 2; pass++) {
    await letTimePass(postgres, vault, tenantId);
    const collected = await ended((await ask("sync.vault.collect", {})).id);
    if (collected.status !== "completed")
      findings.faults.push(`garbage collection ended ${collected.status}: ${JSON.stringify(collected.error)}`);
  }
  const verified = await ended((await ask("sync.vault.verify", {})).id);
  if (verified.status !== "completed")
    findings.faults.push(`the vault's verification ended ${verified.status}: ${JSON.stringify(verified.result)}`);
  const client = new pg.Client({ connectionString: postgres });
  await client.connect();
  try {
    const { rows: packs } = await client.query<{ key: string }>(`select storage_key as key from sync.packs where tenant_id = $1`, [
      tenantId,
    ]);
    const objects = filesIn(join(vault, tenantId)).map((path) => `${tenantId}/${path}`);
    const named = new Set(packs.map(({ key }) => key));
    const there = new Set(objects);
    for (const object of there)
      if (!named.has(object)) findings.faults.push(`object ${object} is an orphan (${readFileSync(join(vault, object)).length} bytes)`);
    for (const key of named) if (!there.has(key)) findings.faults.push(`pack ${key} has no object`);
    const { rows: unreferred } = await client.query(
      `select 1 from sync.blobs b where tenant_id = $1 and not exists (select 1 from sync.asset_versions v where v.tenant_id = b.tenant_id and v.content_id = b.content_id)`,
      [tenantId],
    );
    if (unreferred.length) findings.faults.push(`${unreferred.length} blobs that nothing refers to are left`);
  } finally {
    await client.end();
  }
}
