import type { Lease } from "../../mixins/actor.ts";
import { errors } from "../../config/errors.ts";
import { row } from "../../mixins/database.ts";
import { batchesInOrder, type PlannedBatch } from "./batches.ts";
import { interrupts, type Job, type Workshop } from "./load.ts";
import { inParallel } from "./parallel.ts";

/** Numbers of a job's batches that are not done, in order: as one value, for there may be millions. */
async function waitingBatches({ database }: Workshop, job: Job): Promise<number[]> {
  const found = await database.tenant(job.tenantId, (em) =>
    row<{ numbers: number[] | null }>(
      em,
      `select array_agg(number order by number) as numbers from sync.batches where job_id = ? and done_at is null`,
      [job.id],
    ),
  );
  return found?.numbers ?? [];
}

/**
 * Works a job's waiting batches off, several at a time.
 * @param work does one batch and answers the types of the letters that wait
 * @returns true when it stopped for a waiting letter
 * @throws LEASE_YIELDED between two batches when others deserve the slot
 */
export async function inLanes(
  workshop: Workshop,
  lease: Lease,
  job: Job,
  work: (batch: PlannedBatch) => Promise<string[]>,
): Promise<boolean> {
  const numbers = await waitingBatches(workshop, job);
  const next = batchesInOrder(workshop.database, job, numbers);
  let stopped = interrupts(await lease.waiting());
  let crowded = false;
  let left = numbers.length;
  const one = async () => {
    left--;
    const letters = await work(await next());
    stopped ||= interrupts(letters);
    crowded ||= left > 0 && lease.crowded();
  };
  await inParallel(numbers, workshop.window, one, () => stopped || crowded);
  if (crowded && !stopped) throw errors.yielded("Others wait that deserve the slot more.");
  return stopped;
}
