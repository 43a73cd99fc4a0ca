import { rows, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import type { Cataloguing } from "./cataloguing.ts";
import type { JobRef } from "./changes.ts";

/**
 * How often what is not to be analysed is told of, milliseconds. Each event is carried to every consumer and costs several transactions
 * wherever it arrives: told batch by batch, these were a quarter of what twenty thousand small files cost the cluster.
 */
const tellMs = 2_000;
/** Assets that one event tells of at most: 160 KB of a message, of which NATS takes a megabyte. */
const mostAtOnce = 4_096;

/**
 * Tells of the assets that a batch has stored, in the transaction that stores them.
 * What is to be analysed is told at once and by itself: an AI node takes a batch at a time. All else waits with its batch until it is time.
 * @returns those that wait, for batches.untold
 */
export type Tell = (em: Em, assetIds: string[]) => Promise<string[]>;

/** For one run of a job on this node. What it leaves untold is told by the next run, or when the job ends. */
export function tellingOf(job: Cataloguing): Tell {
  let told = Date.now();
  return async (em, assetIds) => {
    if (!job.analyse) {
      if (Date.now() - told < tellMs) return assetIds;
      told = Date.now();
      await tellUntold(em, job);
    }
    await tellStored(em, job, assetIds);
    return [];
  };
}

/** Tells of what is stored and untold. Whatever makes a job leave its place calls it. */
export async function tellUntold(em: Em, job: JobRef): Promise<void> {
  const found = await rows<{ untold: string[] }>(
    em,
    // Two lanes may tell at the same time.
    `with due as (select job_id, number, untold from sync.batches where job_id = ? and untold is not null for update skip locked), told as (
       update sync.batches b set untold = null from due where b.job_id = due.job_id and b.number = due.number returning b.number, due.untold
     )
     select untold from told order by number`,
    [job.id],
  );
  const assetIds = found.flatMap(({ untold }) => untold);
  for (let i = 0; i < assetIds.length; i += mostAtOnce) await tellStored(em, { ...job, analyse: false }, assetIds.slice(i, i + mostAtOnce));
}

/** Tells of assets that have a new content. */
export async function tellStored(em: Em, job: JobRef & { analyse: boolean }, assetIds: string[]): Promise<void> {
  if (!assetIds.length) return;
  const { id: jobId, tenantId, analyse } = job;
  await appendEvent(em, "sync", { tenantId, type: "asset.stored", stream: `assets:${jobId}`, data: { jobId, analyse, assetIds } });
}
