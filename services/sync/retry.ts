import { errors } from "../../config/errors.ts";
import { row, type Em } from "../../mixins/database.ts";
import { openSmall, type TenantKeys } from "../../mixins/vault/keys.ts";
import { createJob, type Author } from "./creating.ts";
import { isFinal, jobById, type JobView } from "./job.ts";
import { credentialsPurpose, type Places } from "./sealedplaces.ts";
import { storedPlace } from "./stored.ts";

/**
 * A job for the items alone that another one could not store. A stored source is asked for its credentials of today: they may be why it failed.
 * @throws JOB_NOT_FOUND, JOB_STATE_CONFLICT for a job that has not ended, failed nothing or is no sync
 */
export async function retryFailed(em: Em, author: Author, keys: TenantKeys, id: string): Promise<JobView> {
  const job = await jobById(em, id);
  const data = { id, status: job.status };
  if (job.kind !== "sync") throw errors.jobState(`Only a sync can be repeated for what failed; this is a job of kind ${job.kind}.`, data);
  if (!isFinal(job.status))
    throw errors.jobState(`Only a job that has ended can be repeated for what failed; this one is ${job.status}.`, data);
  const failed = await row<{ count: number }>(em, `select count(*)::int as count from sync.failures where job_id = ?`, [id]);
  if (!failed?.count) throw errors.jobState("Nothing failed in this job: there is nothing to repeat.", data);
  const kept = await row<{ sealed: Buffer; stored: boolean }>(
    em,
    `select j.sealed_credentials as sealed, s.sealed_spec is not null as stored from sync.sync_jobs j join sync.sources s on s.id = j.source_id where j.id = ?`,
    [id],
  );
  const source = kept?.stored
    ? (await storedPlace(em, keys, job.sourceId!)).spec
    : (JSON.parse(openSmall(keys, credentialsPurpose(id), kept!.sealed).toString()) as Places).source!;
  const { dryRun: _dryRun, ...options } = job.options as JobView["options"] & { dryRun?: boolean };
  return await createJob(em, author, keys, {
    kind: "sync",
    input: job.input,
    mode: job.mode,
    priority: job.priority,
    options,
    source,
    sourceId: job.sourceId!,
    retryOf: id,
  });
}
