import { randomUUID } from "node:crypto";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import type { JobView } from "../../services/sync/job.ts";
import { startModel, type ModelCluster } from "./cluster.ts";
import type { SmallDisk } from "./disk.ts";
import { mischief } from "./mischief.ts";
import { compare, readVersions, upkeep, type Organisation } from "./proof.ts";
import type { Random } from "./random.ts";
import { startVictims } from "./servers.ts";
import { change } from "./tree.ts";

export interface Soak {
  folder: string;
  /** Where the vault is, and the disk that it fills; without one no disk fills up. */
  vault: string;
  disk: SmallDisk | undefined;
  rounds: number;
  random: Random;
  /** Changes before, and about as many during, each round's job of an organisation. */
  changes: number;
  report: (line: string) => void;
}

export interface Findings {
  jobs: Record<string, number>;
  /** Files of jobs that could not be stored, by why. */
  failures: Record<string, number>;
  mischief: Record<string, number>;
  changes: Record<string, number>;
  versions: number;
  /** What is not as it must be. */
  faults: string[];
}

const count = (of: Record<string, number>, name: string) => void (of[name] = (of[name] ?? 0) + 1);

/**
 * Random trees of two organisations, random changes between and during runs, and mischief all the while: nodes, threads and servers are
 * killed, the disk is full. After the dust has settled the catalogue equals the source, every version that there ever was is readable with
 * its checksum, the vault proves sound, and no orphan is left after garbage collection.
 */
export async function soak({ folder, vault, disk, rounds, random, changes, report }: Soak): Promise<Findings> {
  const findings: Findings = { jobs: {}, failures: {}, mischief: {}, changes: {}, versions: 0, faults: [] };
  const organisations = ["one", "two"].map((name): Organisation => {
    const root = join(folder, "source", name);
    mkdirSync(root, { recursive: true });
    return { tenantId: randomUUID(), root, seen: new Map() };
  });
  const victims = await startVictims(join(folder, "servers"));
  let cluster: ModelCluster | undefined;
  try {
    cluster = await startModel(
      folder,
      vault,
      organisations.map(({ root }) => root),
      victims,
    );
    const { ask, ended } = cluster;
    const mutate = ({ root }: Organisation, times: number) => {
      for (let i = 0; i < times; i++) count(findings.changes, change(root, random));
    };
    const sync = ({ tenantId, root }: Organisation, mode: "full" | "incremental") =>
      ask(tenantId, "sync.jobs.create", {
        input: pathToFileURL(root).href,
        mode,
        options: { analyse: false, thresholds: { deletes: 1e9, deleteShare: 1, changeShare: 1, emptied: false } },
      });
    const works = mischief(cluster, victims, random, disk);
    /** The rarer ones are not what takes the time. */
    const kinds = [...Object.keys(works), "node killed", "threads killed"];
    /** Troubles seldom come alone. */
    const strike = async () => {
      const struck = new Set(random.chance(0.2) ? [random.pick(kinds), random.pick(kinds)] : [random.pick(kinds)]);
      for (const kind of struck) count(findings.mischief, kind);
      await Promise.all([...struck].map((kind) => works[kind]!()));
    };
    const settle = async (when: string) => {
      for (const organisation of organisations) {
        const { tenantId } = organisation;
        const quiet = await ended(tenantId, (await sync(organisation, "incremental")).id);
        if (quiet.status !== "completed")
          findings.faults.push(`${when} the quiet run ended ${quiet.status}: ${JSON.stringify(quiet.error)}`);
        findings.faults.push(...(await compare(cluster!, organisation)).map((fault) => `${when} ${fault}`));
      }
    };

    for (const organisation of organisations) mutate(organisation, changes * 4);
    for (let round = 1; round <= rounds; round++) {
      const jobs = await Promise.all(
        organisations.map(async (organisation) => {
          mutate(organisation, changes);
          return { organisation, id: (await sync(organisation, random.chance(0.1) ? "full" : "incremental")).id };
        }),
      );
      // Garbage is collected beside them.
      const collecting = random.chance(0.3) ? await ask(organisations[0]!.tenantId, "sync.vault.collect", {}) : undefined;
      let striking = true;
      const strikes = (async () => {
        for (let i = 1 + random.below(3); i > 0; i--) {
          await sleep(random.below(800));
          await strike();
        }
      })().finally(() => (striking = false));
      // Met where it is awaited.
      strikes.catch(() => {});
      for (let i = 0; i < 5 || striking; i++) {
        await sleep(random.below(200));
        for (const organisation of organisations) mutate(organisation, i < 10 ? Math.ceil(changes / 10) : 1);
      }
      await strikes;
      const told: string[] = [];
      for (const { organisation, id } of jobs) {
        const job = await ended(organisation.tenantId, id);
        count(findings.jobs, job.status);
        findings.faults.push(...unexpected(job).map((fault) => `in round ${round} ${fault}`));
        told.push(`${job.status}${job.error ? ` (${job.error.type})` : ""}, ${job.items.stored} stored, ${job.items.failed} failed`);
      }
      if (collecting) {
        const { status, error } = await ended(organisations[0]!.tenantId, collecting.id);
        told.push(`collection ${status}${error ? ` (${error.type})` : ""}`);
      }
      report(`round ${round}: ${told.join("; ")}`);
      if (round % 3 === 0 || round === rounds) await settle(`after round ${round}`);
    }
    for (const organisation of organisations) {
      const { read, faults } = await readVersions(cluster, organisation);
      findings.versions += read;
      findings.faults.push(...faults, ...(await upkeep(cluster, vault, organisation.tenantId)));
    }
    const failures = await cluster.query<{ type: string; n: number }>(`select type, count(*)::int as n from sync.failures group by type`);
    for (const { type, n } of failures) {
      findings.failures[type] = n;
      if (!excused.has(type)) findings.faults.push(`${n} files failed with ${type}`);
    }
    const halves = readdirSync(join(vault, ".incoming"));
    if (halves.length) report(`${halves.length} half-written packs wait for the next start of a node after a day`);
    for (const organisation of organisations)
      findings.faults.push(...(await compare(cluster, organisation)).map((fault) => `after garbage collection ${fault}`));
    for (const [how, times] of Object.entries(cluster.fallen)) findings.mischief[`node ended by itself (${how})`] = times;
    return findings;
  } finally {
    disk?.free();
    await cluster?.stop();
    await victims.stop();
  }
}

/** What may become of a file that is changed, moved or removed while it is read, or that a full disk has no room for. */
const excused = new Set(["SOURCE_CHANGED", "SOURCE_MISSING", "SOURCE_ITEM_UNSUPPORTED", "VAULT_FULL"]);

/** A job may be told that the vault is full, and find files changed under its hands; nothing else may become of it. */
function unexpected({ status, error }: JobView): string[] {
  if (status === "completed" || status === "completed_with_errors") return [];
  return error?.type === "VAULT_FULL" ? [] : [`a job ended ${status}: ${JSON.stringify(error)}`];
}
