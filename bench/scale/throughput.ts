import { randomUUID } from "node:crypto";
import { cpus } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestDatabase } from "../../test/database.ts";
import type { ScaleCluster } from "./cluster.ts";

export interface Throughput {
  filesPerSecond: number;
  /** Cores that were used meanwhile, by whomever. */
  busy: number;
}

function cpuTimes(): { idle: number; all: number } {
  const times = cpus().map(({ times }) => times);
  const sum = (of: (core: (typeof times)[number]) => number) => times.reduce((total, core) => total + of(core), 0);
  return { idle: sum(({ idle }) => idle), all: sum((core) => core.user + core.nice + core.sys + core.irq + core.idle) };
}

/**
 * Runs one job on each slot of the nodes, all of the same size and each of another tenant.
 * @param jobs as many as the nodes have slots
 */
export async function throughput(
  cluster: ScaleCluster,
  world: TestDatabase,
  jobs: number,
  files: number,
  size: number,
): Promise<Throughput> {
  const before = cpuTimes();
  const made = await Promise.all(
    Array.from({ length: jobs }, () => cluster.ask(randomUUID(), "sync.jobs.create", cluster.folder(files, size))),
  );
  const ids = made.map(({ id }) => id);
  for (;;) {
    const { rows } = await world.admin.query<{ status: string; stored: number; seconds: number }>(
      `select status, items_stored as stored, extract(epoch from max(completed_at) over () - min(created_at) over ())::float8 as seconds
       from sync.sync_jobs where id = any($1)`,
      [ids],
    );
    const odd = rows.find(({ status }) => /failed|errors|cancelled/.test(status));
    if (odd) throw new Error(`a job ended as ${odd.status}`);
    if (rows.every(({ status }) => status === "completed")) {
      const after = cpuTimes();
      const stored = rows.reduce((sum, job) => sum + job.stored, 0);
      return {
        filesPerSecond: stored / rows[0]!.seconds,
        busy: cpus().length * (1 - (after.idle - before.idle) / (after.all - before.all)),
      };
    }
    await sleep(50);
  }
}
