import { errors } from "../../config/errors.ts";
import { prepared, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { factsOf, jobColumns, type JobView } from "./job.ts";

/** What was done since the last tally. */
export interface Done {
  stored?: number;
  deduplicated?: number;
  unchanged?: number;
  failed?: number;
  bytes?: number;
  packs?: number;
  /** Bytes in storage. */
  sealed?: number;
}

/** What a small file costs beside its bytes, for progress: opening and cataloguing it is like reading 16 KiB more. */
const itemWeight = 16 * 1024;

/**
 * Adds to a job's counts. Progress is the share of the planned work that is done; it never falls, and 100 is left to the end itself.
 * @param rate of the work per second, when it is known
 * @throws JOB_NOT_FOUND
 */
export async function tally(em: Em, jobId: string, done: Done, rate?: { bytes: number; items: number }): Promise<JobView> {
  const { stored = 0, deduplicated = 0, unchanged = 0, failed = 0, bytes = 0, packs = 0, sealed = 0 } = done;
  const [job] = await prepared<JobView>(
    em,
    `with counted as (
       select id, items_stored + $2 as stored, items_deduplicated + $3 as deduplicated, items_unchanged + $4 as unchanged, items_failed + $5 as failed,
              greatest(0, bytes_done + $6::bigint) as done
       from sync.sync_jobs where id = $1 for update
     )
     update sync.sync_jobs j set items_stored = c.stored, items_deduplicated = c.deduplicated, items_unchanged = c.unchanged, items_failed = c.failed,
       bytes_done = c.done, packs = j.packs + $7, bytes_sealed = j.bytes_sealed + $8::bigint,
       rate_bytes = coalesce($9::float8, rate_bytes), rate_items = coalesce($10::float8, rate_items), sampled_at = coalesce($11::timestamptz, sampled_at),
       progress = greatest(j.progress, least(99, 100 * ((c.stored + c.deduplicated + c.unchanged + c.failed + j.items_moved) * ${itemWeight}::bigint + c.done)
                                                  / greatest(1, j.items_total * ${itemWeight}::bigint + j.bytes_total)))
     from counted c where j.id = c.id returning ${jobColumns.replace("id,", "j.id,")}`,
    [
      jobId,
      stored,
      deduplicated,
      unchanged,
      failed,
      bytes,
      packs,
      sealed,
      rate?.bytes ?? null,
      rate?.items ?? null,
      rate ? new Date().toISOString() : null,
    ],
  );
  if (!job) throw errors.jobNotFound("The job's row is missing.", { id: jobId });
  return job;
}

/** Seconds over which a rate is smoothed. */
const smoothing = 8;
/** Seconds between two samples of it. */
const sampling = 0.5;
/** Between two events of progress, milliseconds: each is carried to every consumer, and nobody sees thirty a second. */
const progressMs = 200;

/** Progress of one run of a job on this node. */
export interface Progress {
  /** Tallies in the caller's transaction; tells the world five times a second at most. */
  add(em: Em, done: Done): Promise<JobView>;
}

export function progressOf(job: { id: string; tenantId: string }): Progress {
  let told = 0;
  let sampledAt = performance.now();
  let since = { bytes: 0, items: 0 };
  let rate: { bytes: number; items: number } | undefined;
  const sample = (done: Done) => {
    since.bytes += done.bytes ?? 0;
    since.items += (done.stored ?? 0) + (done.deduplicated ?? 0) + (done.unchanged ?? 0) + (done.failed ?? 0);
    const seconds = (performance.now() - sampledAt) / 1000;
    if (seconds < sampling) return;
    const now = { bytes: since.bytes / seconds, items: since.items / seconds };
    // The weight of the past fades with time, whatever the distance of the samples.
    const past = rate ? Math.exp(-seconds / smoothing) : 0;
    rate = { bytes: past * (rate?.bytes ?? 0) + (1 - past) * now.bytes, items: past * (rate?.items ?? 0) + (1 - past) * now.items };
    since = { bytes: 0, items: 0 };
    sampledAt = performance.now();
  };
  return {
    async add(em, done) {
      sample(done);
      const view = await tally(em, job.id, done, rate);
      if (Date.now() - told >= progressMs) {
        told = Date.now();
        await appendEvent(em, "sync", {
          tenantId: job.tenantId,
          type: "sync.job.progressed",
          stream: `job:${job.id}`,
          data: factsOf(view),
        });
      }
      return view;
    },
  };
}
