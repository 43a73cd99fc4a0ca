import type { JobKind, Principal, Priority } from "../../config/contracts.ts";
import { priorities } from "../../config/contracts.ts";
import { errors } from "../../config/errors.ts";
import { row, rows, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { tell } from "../../mixins/mailbox.ts";
import type { TenantKeys } from "../../mixins/vault/keys.ts";
import { factsOf, isFinal, jobById, type JobView } from "./job.ts";
import type { JobOptions } from "./options.ts";
import { sealPlaces } from "./sealedplaces.ts";
import type { Spec } from "./sources/source.ts";

/** Actors of this kind run jobs; their key is the job's id. */
export const jobKind = "job";

/** A job to be made. Nothing is listed or read when it is. */
export interface NewJob {
  kind: JobKind;
  /** What a person wrote, for a person to read. */
  input: string;
  mode?: "incremental" | "full";
  priority?: Priority;
  options?: JobOptions & { dryRun?: boolean } & Record<string, unknown>;
  source?: Spec;
  target?: Spec;
  /** When the place is a stored one. */
  sourceId?: string;
  targetId?: string;
  groupId?: string;
  scheduleId?: string;
  retryOf?: string;
  /** Jobs that have to complete first. */
  needs?: string[];
}

export type Author = Pick<Principal, "tenantId" | "userId" | "subject">;

/**
 * Records a job, its event and its actor's first letter, in the caller's transaction.
 * @throws JOB_NOT_FOUND for a need that does not exist, JOB_STATE_CONFLICT for one that has failed or was cancelled
 */
export async function createJob(em: Em, author: Author, keys: TenantKeys, job: NewJob): Promise<JobView> {
  const { tenantId } = author;
  const id = crypto.randomUUID();
  const places = { ...(job.source && { source: job.source }), ...(job.target && { target: job.target }) };
  const waits = await needsOf(em, job.needs ?? []);
  await em.execute(
    `insert into sync.sync_jobs (id, tenant_id, user_id, kind, source_id, target_id, input, mode, status, priority, host, options, sealed_credentials,
                                 group_id, schedule_id, retry_of)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, decode(?, 'hex'), ?, ?, ?)`,
    [
      id,
      tenantId,
      author.userId,
      job.kind,
      job.sourceId ?? (job.source ? await placeOf(em, tenantId, job.source) : null),
      job.targetId ?? (job.target ? await placeOf(em, tenantId, job.target) : null),
      job.input,
      job.mode ?? "incremental",
      waits.length ? "waiting" : "queued",
      priorities.indexOf(job.priority ?? "normal"),
      (job.target ?? job.source)?.host ?? "",
      JSON.stringify(job.options ?? {}),
      sealPlaces(keys, id, places).toString("hex"),
      job.groupId ?? null,
      job.scheduleId ?? null,
      job.retryOf ?? null,
    ],
    "run",
  );
  for (const need of waits)
    await em.execute(`insert into sync.job_needs (job_id, needs_job_id, tenant_id) values (?, ?, ?)`, [id, need, tenantId], "run");
  const view = await jobById(em, id);
  await appendEvent(em, "sync", {
    tenantId,
    type: "sync.job.created",
    stream: `job:${id}`,
    data: factsOf(view),
    actor: author.subject,
  });
  if (!waits.length) await start(em, tenantId, id);
  return view;
}

/** The first letter of a job's actor. */
export const start = (em: Em, tenantId: string, id: string): Promise<void> =>
  tell(em, "sync", { tenantId, kind: jobKind, key: id, messageId: `${id}:run`, type: "run" });

/** The needs that have not completed yet; locked, so that none ends unseen before the new job is there. */
async function needsOf(em: Em, ids: string[]): Promise<string[]> {
  const needs = [...new Set(ids)].sort();
  if (!needs.length) return [];
  const found = await rows<{ id: string; status: JobView["status"] }>(
    em,
    `select id, status from sync.sync_jobs where id in (select value::uuid from json_array_elements_text(?::json)) order by id for share`,
    [JSON.stringify(needs)],
  );
  const missing = needs.filter((id) => !found.some((job) => job.id === id));
  if (missing.length) throw errors.jobNotFound(`There is no job ${missing.join(", ")} to wait for.`, { ids: missing });
  const dead = found.filter(({ status }) => status === "failed" || status === "cancelled");
  if (dead.length) {
    const list = dead.map(({ id, status }) => `${id} (${status})`).join(", ");
    throw errors.jobState(`A job can't wait for one that did not complete: ${list}.`, { ids: dead.map(({ id }) => id) });
  }
  return found.filter(({ status }) => !isFinal(status)).map(({ id }) => id);
}

/** The row of a place, made at first need. */
export async function placeOf(em: Em, tenantId: string, spec: Spec): Promise<string> {
  await em.execute(
    `insert into sync.sources (tenant_id, kind, uri, host) values (?, ?, ?, ?) on conflict (tenant_id, uri) do nothing`,
    [tenantId, spec.kind, spec.uri, spec.host],
    "run",
  );
  const found = await row<{ id: string }>(em, `select id from sync.sources where tenant_id = ? and uri = ?`, [tenantId, spec.uri]);
  if (!found) throw errors.internal("The place was not recorded.");
  return found.id;
}
