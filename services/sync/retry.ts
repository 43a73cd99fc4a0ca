import { errors } from "../../config/errors.ts";
import { row, type Database } from "../../mixins/database.ts";
import { createJob, type Author } from "./creating.ts";
import { isFinal, jobById, type JobView } from "./job.ts";
import { credentialsPurpose, unsealed, type Places } from "./sealedplaces.ts";
import type { TenantKeyring } from "./tenantkey.ts";

/**
 * A job for the items alone that another one could not store. A stored source is asked for its credentials of today: they may be why it failed.
 * @throws JOB_NOT_FOUND, JOB_STATE_CONFLICT for a job that has not ended, failed nothing or is no sync
 */
export async function retryFailed(database: Database, keyring: TenantKeyring, author: Author, id: string): Promise<JobView> {
  const { tenantId } = author;
  const keys = await keyring.of(tenantId);
  const { job, failed, sealed, stored } = await database.tenant(tenantId, async (em) => ({
    job: await jobById(em, id),
    ...(await row<{ failed: number; sealed: Buffer | null; stored: boolean }>(
      em,
      `select (select count(*)::int from sync.failures f where f.job_id = j.id) as failed, j.sealed_credentials as sealed, coalesce(s.sealed_spec is not null, false) as stored
       from sync.sync_jobs j left join sync.sources s on s.id = j.source_id where j.id = ?`,
      [id],
    ))!,
  }));
  const data = { id, status: job.status };
  if (job.kind !== "sync") throw errors.jobState(`Only a sync can be repeated for what failed; this is a job of kind ${job.kind}.`, data);
  if (!isFinal(job.status))
    throw errors.jobState(`Only a job that has ended can be repeated for what failed; this one is ${job.status}.`, data);
  if (!failed) throw errors.jobState("Nothing failed in this job: there is nothing to repeat.", data);
  if (!stored && !sealed) throw errors.sourceNotFound("The job's source is not kept any more.", { id: job.sourceId });
  const source = stored ? {} : unsealed<Places>(keys, credentialsPurpose(id), sealed!);
  const { dryRun: _dryRun, ...options } = job.options as JobView["options"] & { dryRun?: boolean };
  const { input, mode, priority } = job;
  return await database.tenant(tenantId, (em) =>
    createJob(em, author, keys, { kind: "sync", input, mode, priority, options, ...source, sourceId: job.sourceId!, retryOf: id }),
  );
}
