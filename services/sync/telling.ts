import type { Lease } from "../../mixins/actor.ts";
import { failureType } from "../../config/errors.ts";
import { rows, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import type { JobRef } from "./changes.ts";

/**
 * How often what is not to be analysed is told of, milliseconds. Each event is carried to every consumer and costs several transactions
 * wherever it arrives: told batch by batch, these were a quarter of what twenty thousand small files cost the cluster.
 */
const tellMs = 2_000;
/** Assets that one event tells of at most: 160 KB of a message, of which NATS takes a megabyte. */
const mostAtOnce = 4_096;

/** A job and whether what it stores is to be analysed. */
export interface Teller extends JobRef {
  analyse: boolean;
}

/**
 * Tells of the assets that a batch has stored, in the transaction that stores them, if they are to be analysed: an AI node takes a batch at a
 * time. All else waits with its batch until `whileTelling` tells of it.
 * @returns those that wait, for batches.untold
 */
export async function tellOrKeep(em: Em, job: Teller, assetIds: string[]): Promise<string[]> {
  if (!job.analyse) return assetIds;
  await tellStored(em, job, assetIds);
  return [];
}

/** Tells from time to time of what is stored and untold, for as long as `work` takes, and at its end, unless that was a fault. */
export async function whileTelling<T>(lease: Lease, job: Teller, work: () => Promise<T>): Promise<T> {
  if (job.analyse) return await work();
  const tell = () => lease.commit((em) => tellUntold(em, job));
  let telling: Promise<unknown> = Promise.resolve();
  // What can't be told now is told the next time, by this run, the next one or the job's end.
  const timer = setInterval(() => {
    telling = telling.then(tell).catch(() => {});
  }, tellMs);
  try {
    const result = await work();
    await tell();
    return result;
  } catch (error) {
    // Its turn may come again much later.
    if (failureType(error) === "LEASE_YIELDED") await tell();
    throw error;
  } finally {
    clearInterval(timer);
    await telling;
  }
}

/**
 * Tells of what is stored and untold.
 * @param all also what another transaction is about to tell of, should it fail to: waits for it. When a job ends nobody comes after.
 */
export async function tellUntold(em: Em, job: JobRef, all = false): Promise<void> {
  const found = await rows<{ untold: string[] }>(
    em,
    `with due as (select job_id, number, untold from sync.batches where job_id = ? and untold is not null order by number for update ${all ? "" : "skip locked"}),
          told as (update sync.batches b set untold = null from due where b.job_id = due.job_id and b.number = due.number returning b.number, due.untold)
     select untold from told order by number`,
    [job.id],
  );
  const assetIds = found.flatMap(({ untold }) => untold);
  for (let i = 0; i < assetIds.length; i += mostAtOnce) await tellStored(em, { ...job, analyse: false }, assetIds.slice(i, i + mostAtOnce));
}

/** Tells of assets that have a new content. */
export async function tellStored(em: Em, { id: jobId, tenantId, analyse }: Teller, assetIds: string[]): Promise<void> {
  if (!assetIds.length) return;
  await appendEvent(em, "sync", { tenantId, type: "asset.stored", stream: `assets:${jobId}`, data: { jobId, analyse, assetIds } });
}
