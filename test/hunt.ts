import { createHash, randomBytes, randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../config/calls.ts";
import type { Page } from "../config/action.ts";
import type { Running } from "../scripts/servers/process.ts";
import type { AssetView } from "../services/sync/catalogue/asset.ts";
import type { JobView } from "../services/sync/job.ts";
import type { TestDatabase } from "./database.ts";
import { startProcess } from "./processes.ts";

export interface Hunt {
  world: TestDatabase;
  /** Temp folder of the run: vault, logs. */
  folder: string;
  /** The folder that is synced. */
  root: string;
  /** How often the node that owns the job is killed. */
  kills: number;
  /** An owner lives up to this long, milliseconds. */
  longestLife: number;
  /** Of how many assets one is read back and compared: 1 for all. */
  oneIn: number;
  /** Variables of the nodes beside the usual ones. */
  variables?: Record<string, string>;
  /** Files that are read a second at most: a small job lasts long enough to be killed. */
  filesPerSecond?: number;
  report?: (line: string) => void;
}

/** Longest way from one moment to the next, milliseconds. */
function longest(moments: number[]): number {
  const sorted = moments.toSorted((a, b) => a - b);
  return Math.max(...sorted.slice(1).map((moment, i) => moment - sorted[i]!));
}

export interface Outcome {
  job: JobView;
  /** Nodes killed, in order. */
  killed: string[];
  /** Longest time, milliseconds, in which a job told of no progress. */
  longestSilenceMs: number;
  /** Longest time in which nobody began or told anything: from a kill to the next owner, or between two steps of one. */
  longestGapMs: number;
  /** Percent and items done, as each event told. */
  progress: { percent: number; items: number }[];
  /** Path → how many assets have it. */
  assets: Map<string, number>;
  /** Versions in the catalogue. */
  versions: number;
  /** Assets whose content, read back through tickets, is not that of the source's file. */
  different: string[];
}

const final = new Set(["completed", "completed_with_errors", "failed", "cancelled"]);
const ticketsAtOnce = 256;
const largest = 2 ** 31;

/**
 * Syncs a folder on two nodes, kills the one that owns the job again and again at random moments, starts it anew, and then reads all
 * that was stored. The environment is read once per process: what calls this must not have imported config/env.ts.
 */
export async function hunt({
  world,
  folder,
  root,
  kills,
  longestLife,
  oneIn,
  variables = {},
  filesPerSecond,
  report = () => {},
}: Hunt): Promise<Outcome> {
  const namespace = `hunt-${randomBytes(6).toString("hex")}`;
  const cluster = {
    LEGENDO_NAMESPACE: namespace,
    DATABASE_URL: world.url,
    VAULT_URL: pathToFileURL(join(folder, "vault")).href,
    SYNC_FILE_ROOTS: root,
  };
  Object.assign(process.env, cluster);
  const { env } = await import("../config/env.ts");
  const { default: options } = await import("../moleculer.config.ts");
  const { serviceClaim } = await import("../mixins/claim.ts");
  const { openVault } = await import("../mixins/vault/environment.ts");
  const { readWhole } = await import("../mixins/vault/ticket.ts");
  const { place } = await import("../services/sync/sources/disk.ts");
  const { deleteStreams } = await import("./streams.ts");

  const tenantId = randomUUID();
  const broker = new ServiceBroker({ ...options, nodeID: `${namespace}-hunter` });
  const ask = async <N extends ActionName>(name: N, params: ActionMap[N]["params"]): Promise<ActionMap[N]["result"]> => {
    const claim = await serviceClaim(env.CLUSTER_SECRET, "hunt", tenantId, ["sync:write", "sync:read", "assets:read", "internal"]);
    return await call(broker, name, params, { meta: { claim } });
  };

  const nodes = new Map<string, Running>();
  const start = (name: string) =>
    nodes.set(name, startProcess(name, folder, "scripts/node.ts", { ...cluster, ...variables, SERVICES: "sync", DATABASE_POOL: "8" }));
  /** Process of a node that this broker knew last; another one is a start later. */
  const former = new Map<string, string>();
  const alive = async () => {
    type Node = { id: string; instanceID: string; services?: { name: string }[] };
    const known = await broker.call<Node[], object>("$node.list", { onlyAvailable: true, withServices: true });
    return known.filter((node) => former.get(node.id) !== node.instanceID && node.services?.some(({ name }) => name === "sync.worker"));
  };
  const both = async () => {
    while ((await alive()).length < 2) await sleep(20);
  };
  /** Kills and new owners, in time. */
  const moments: number[] = [];
  let owner: string | undefined;
  let watched = true;
  const watch = async (key: string) => {
    for (let last = 0; watched; await sleep(10)) {
      const { rows } = await world.admin.query<{ owner: string; epoch: string }>(
        `select owner, epoch from sync.actors where key = $1 and owner is not null and lease_until > now()`,
        [key],
      );
      const epoch = Number(rows[0]?.epoch ?? 0);
      // A killed owner keeps its lease for a while: only a new epoch is a new owner.
      if (epoch <= last) continue;
      last = epoch;
      owner = rows[0]!.owner;
      moments.push(Date.now());
    }
  };
  const ended = async (id: string) => {
    const { rows } = await world.admin.query<{ status: string }>(`select status from sync.sync_jobs where id = $1`, [id]);
    return final.has(rows[0]?.status ?? "");
  };

  try {
    for (const name of ["hunted-1", "hunted-2"]) start(`${namespace}-${name}`);
    await broker.start();
    await both();
    const options = { analyse: false, ...(filesPerSecond && { limits: { requestsPerSecond: filesPerSecond } }) };
    const { id } = await ask("sync.jobs.create", { input: pathToFileURL(root).href, options });
    const watching = watch(id);
    const killed: string[] = [];
    while (killed.length < kills && !(await ended(id))) {
      await both();
      while (!owner && !(await ended(id))) await sleep(5);
      await sleep(Math.random() * longestLife);
      const prey = owner;
      if (!prey || (await ended(id))) continue;
      former.set(prey, (await alive()).find((node) => node.id === prey)?.instanceID ?? "");
      process.kill(nodes.get(prey)!.pid, "SIGKILL");
      owner = undefined;
      moments.push(Date.now());
      killed.push(prey);
      report(`kill ${killed.length}: ${prey.slice(namespace.length + 1)}`);
      await nodes.get(prey)!.ended;
      start(prey);
    }
    while (!(await ended(id))) await sleep(50);
    watched = false;
    await watching;
    await both();
    report("the job has ended, reading everything back");

    const { rows: events } = await world.admin.query<{ at: Date; percent: number; items: number }>(
      `select created_at as at, (data->>'progress')::int as percent,
              (data->'items'->>'stored')::int + (data->'items'->>'deduplicated')::int + (data->'items'->>'failed')::int as items
       from sync.events where stream = $1 order by version`,
      [`job:${id}`],
    );
    const told = events.map(({ at }) => at.getTime());
    const assets = new Map<string, number>();
    const different: string[] = [];
    const vault = await openVault(env);
    let cursor: string | null = null;
    do {
      const page: Page<AssetView> = await ask("sync.assets.list", { limit: 200, ...(cursor && { cursor }) });
      const paths = new Map<string, string>();
      for (const { id, path } of page.data) {
        assets.set(path, (assets.get(path) ?? 0) + 1);
        if (assets.size % oneIn === 0) paths.set(id, path);
      }
      const wanted = [...paths.keys()];
      for (let i = 0; i < wanted.length; i += ticketsAtOnce) {
        for (const { assetId, ticket } of await ask("sync.assets.tickets", { assetIds: wanted.slice(i, i + ticketsAtOnce) })) {
          const path = paths.get(assetId)!;
          const [stored, source] = [await readWhole(ticket, vault, largest), readFileSync(place(root, path))].map((bytes) =>
            createHash("sha256").update(bytes).digest("hex"),
          );
          if (stored !== source) different.push(path);
          paths.delete(assetId);
        }
      }
      // An asset without a ticket has no content in the vault.
      different.push(...paths.values());
      cursor = page.pagination.cursor;
    } while (cursor);
    await vault.store.close();
    const { rows: counted } = await world.admin.query<{ n: number }>(`select count(*)::int as n from sync.asset_versions`);
    return {
      job: await ask("sync.jobs.get", { id }),
      killed,
      longestSilenceMs: longest(told),
      longestGapMs: longest([...told, ...moments]),
      progress: events.map(({ percent, items }) => ({ percent, items })),
      assets,
      versions: counted[0]!.n,
      different,
    };
  } finally {
    watched = false;
    await Promise.all([...nodes.values()].map((node) => node.stop(5_000)));
    await broker.stop();
    await deleteStreams(namespace);
  }
}
