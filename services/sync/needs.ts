import type { JobStatus } from "../../config/states.ts";
import { rows, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { start } from "./creating.ts";
import { factsOf, isFinal, jobById } from "./job.ts";
import { announce } from "./state.ts";

const isMet = (status: JobStatus) => status === "completed" || status === "completed_with_errors";

/**
 * Lets the jobs go on that waited for one which ends in this transaction: those with nothing left to wait for are queued; those that need
 * one which failed or was cancelled are cancelled (NEED_FAILED), and with them all that need these. Call it after the ended job's row has
 * been written: whoever makes a job that needs it holds that row meanwhile (see `createJob`), so none is missed.
 */
export async function releaseDependents(em: Em, jobId: string, status: JobStatus): Promise<void> {
  if (!isFinal(status)) return;
  // All that wait for it, near and far, are locked before any is looked at, in the order of their ids: two jobs that end at the same
  // moment each see what the other did, and never wait for one another.
  for (let locked = 0, found = await closure(em, jobId); found.length > locked; found = await closure(em, jobId)) {
    locked = found.length;
    await rows(em, `select 1 from sync.sync_jobs where id in (?) order by id for update`, [found]);
  }
  await settle(em, jobId);
}

/** Ids of the jobs that wait for this one, directly or by others. */
async function closure(em: Em, jobId: string): Promise<string[]> {
  const found = await rows<{ id: string }>(
    em,
    `with recursive dependents as (
       select job_id from sync.job_needs where needs_job_id = ?
       union select n.job_id from sync.job_needs n join dependents d on n.needs_job_id = d.job_id
     ) select job_id as id from dependents`,
    [jobId],
  );
  return found.map(({ id }) => id);
}

async function settle(em: Em, endedId: string): Promise<void> {
  const dependents = await rows<{ id: string; tenant_id: string; needs: { id: string; status: JobStatus }[] }>(
    em,
    `select d.id, d.tenant_id, json_agg(json_build_object('id', n.id, 'status', n.status)) as needs
     from sync.sync_jobs d join sync.job_needs l on l.job_id = d.id join sync.sync_jobs n on n.id = l.needs_job_id
     where d.status = 'waiting' and d.id in (select job_id from sync.job_needs where needs_job_id = ?)
     group by d.id order by d.id`,
    [endedId],
  );
  for (const { id, tenant_id: tenantId, needs } of dependents) {
    const failed = needs.find(({ status }) => isFinal(status) && !isMet(status));
    if (failed) {
      const error = { type: "NEED_FAILED", message: `Job ${failed.id}, which has to complete first, ended as ${failed.status}.` };
      // Which does the same for those that wait for this one.
      await announce(em, { id, tenantId }, "cancelled", { error });
    } else if (needs.every(({ status }) => isMet(status))) await queue(em, tenantId, id);
  }
}

async function queue(em: Em, tenantId: string, id: string): Promise<void> {
  await em.execute(`update sync.sync_jobs set status = 'queued' where id = ?`, [id], "run");
  await appendEvent(em, "sync", { tenantId, type: "sync.job.queued", stream: `job:${id}`, data: factsOf(await jobById(em, id)) });
  await start(em, tenantId, id);
  // In the queue it counts as waiting from now on, not since it was made.
  await em.execute(`update sync.actors set lease_until = now() where key = ?`, [id], "run");
}
