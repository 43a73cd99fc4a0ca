import { setTimeout as pause } from "node:timers/promises";
import { errors, isRetryable } from "../../../config/errors.ts";
import type { Lease } from "../../../mixins/actor.ts";
import { bulk, type Em } from "../../../mixins/database.ts";
import { interrupts, type Job } from "../load.ts";
import { inParallel } from "../parallel.ts";
import { announce } from "../state.ts";

/** Starts upkeep in the eyes of the world, and keeps the place from which it goes on. */
export async function beginUpkeep(em: Em, job: Job, totals: { items: number; bytes: number }, place: object): Promise<void> {
  await bulk(
    em,
    `update sync.sync_jobs set planned_at = now(), started_at = coalesce(started_at, now()), items_total = $2, bytes_total = $3, checkpoint = $4::jsonb where id = $1::uuid`,
    [job.id, totals.items, totals.bytes, JSON.stringify(place)],
  );
  await announce(em, job, "planned");
}

/** In the transaction of the work that it tells of. */
export async function savePlace(em: Em, job: Job, place: object): Promise<void> {
  await bulk(em, `update sync.sync_jobs set checkpoint = $2::jsonb where id = $1::uuid`, [job.id, JSON.stringify(place)]);
}

/**
 * Whether upkeep has to leave its place for a letter.
 * @throws LEASE_YIELDED when others deserve the slot
 */
export async function mustLeave(lease: Lease): Promise<boolean> {
  if (lease.crowded()) throw errors.yielded("Others wait for the slot; it goes on when its turn comes.");
  return interrupts(await lease.waiting());
}

const attempts = 4;

/** Repeats what may succeed at another try: after 0.25, 1 and 4 seconds. */
export async function insisting<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (signal.aborted || attempt === attempts || !isRetryable(error)) throw error;
      await pause(250 * 4 ** (attempt - 1), undefined, { signal });
    }
  }
}

/**
 * Works through items, several at a time. What fails is thrown when nothing is under way any more.
 * @returns true when it left for a waiting letter, with items left
 * @throws LEASE_YIELDED between two items when others deserve the slot
 */
export async function inLanes<T>(lease: Lease, items: Iterable<T>, width: number, work: (item: T) => Promise<void>): Promise<boolean> {
  let left = false;
  await inParallel(items, width, work, async () => (left ||= await mustLeave(lease)));
  return left;
}
