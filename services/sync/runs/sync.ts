import type { Lease } from "../../../mixins/actor.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { applyChanges } from "../changes.ts";
import { jobById } from "../job.ts";
import { interrupts, type Job, type Runner } from "../load.ts";
import { planJob } from "../planning.ts";
import { pullBatches } from "../pulling.ts";
import { announce } from "../state.ts";

/** A source into the vault: plan, pull, carry out what needs no bytes, finish. */
export const syncRun: Runner = async (workshop, lease, job) => {
  if (!job.planned && !(await planJob(workshop, lease, job))) return undefined;
  const stopped = (await pullBatches(workshop, lease, job)) || (await carryOutChanges(lease, job));
  return stopped ? undefined : (em) => finish(em, job);
};

/** Moves, touches and retires, page by page; what is gone goes last. Returns true when it stopped for a waiting letter. */
async function carryOutChanges(lease: Lease, job: Job): Promise<boolean> {
  while (await lease.commit((em) => applyChanges(em, job))) if (interrupts(await lease.waiting())) return true;
  return false;
}

async function finish(em: Em, job: Job): Promise<void> {
  const view = await jobById(em, job.id);
  const sealed = await row<{ packs: number; bytes: number }>(
    em,
    `select packs, bytes_sealed::float8 as bytes from sync.sync_jobs where id = ?`,
    [job.id],
  );
  await announce(em, job, view.items.failed ? "completed_with_errors" : "completed", {
    result: { ...view.result, packs: sealed?.packs ?? 0, sealedBytes: sealed?.bytes ?? 0 },
  });
}
