import type { Lease } from "../../mixins/actor.ts";
import { errors } from "../../config/errors.ts";
import { rows } from "../../mixins/database.ts";
import { interrupts, type Job, type Workshop } from "./load.ts";

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
  const lane = async () => {
    for (let number = numbers.shift(); number !== undefined && !stopped && !crowded; number = numbers.shift()) {
      stopped ||= interrupts(await work(number));
      crowded ||= numbers.length > 0 && lease.crowded();
    }
  };
  // A lane that fails must not leave the others working behind its back.
  const lanes = Array.from({ length: workshop.window }, () =>
    lane().catch((error: unknown) => {
      stopped = true;
      throw error;
    }),
  );
  const failed = (await Promise.allSettled(lanes)).find((outcome) => outcome.status === "rejected");
  if (failed) throw failed.reason as Error;
  if (crowded && !stopped) throw errors.yielded("Others wait that deserve the slot more.");
  return stopped;
}
