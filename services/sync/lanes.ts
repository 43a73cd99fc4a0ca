import type { Lease } from "../../mixins/actor.ts";
import { errors } from "../../config/errors.ts";
import { rows } from "../../mixins/database.ts";
import { interrupts, type Job, type Workshop } from "./load.ts";
import { inParallel } from "./parallel.ts";

/** Numbers of a job's batches that are not done, in order. */
export async function waitingBatches({ database }: Workshop, job: Job): Promise<number[]> {
  const found = await database.tenant(job.tenantId, (em) =>
    rows<{ number: number }>(em, `select number from sync.batches where job_id = ? and done_at is null order by number`, [job.id]),
  );
  return found.map(({ number }) => number);
}

/**
 * Works batches off, several at a time.
 * @param work does one batch and answers the types of the letters that wait
 * @returns true when it stopped for a waiting letter
 * @throws LEASE_YIELDED between two batches when others deserve the slot
 */
export async function inLanes(
  workshop: Workshop,
  lease: Lease,
  numbers: number[],
  work: (number: number) => Promise<string[]>,
): Promise<boolean> {
  let stopped = interrupts(await lease.waiting());
  let crowded = false;
  let left = numbers.length;
  const one = async (number: number) => {
    left--;
    const letters = await work(number);
    stopped ||= interrupts(letters);
    crowded ||= left > 0 && lease.crowded();
  };
  await inParallel(numbers, workshop.window, one, () => stopped || crowded);
  if (crowded && !stopped) throw errors.yielded("Others wait that deserve the slot more.");
  return stopped;
}
