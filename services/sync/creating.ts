import type { Principal } from "../../config/permissions.ts";
import type { JobKind, Priority } from "../../config/states.ts";
import { priorities } from "../../config/states.ts";
import { errors } from "../../config/errors.ts";
import { describeAct } from "../../mixins/act.ts";
import { rows, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { tell } from "../../mixins/mailbox.ts";
import type { TenantKeys } from "../../mixins/vault/keys.ts";
import { factsOf, isFinal, jobById, type JobView } from "./job.ts";
import type { JobOptions } from "./options.ts";
import { sealPlaces } from "./sealedplaces.ts";
import { placeOf, storedById } from "./stored.ts";
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
  /** A stored source instead of `source`: its credentials are opened when the job runs. */
  sourceId?: string;
  targetId?: string;
  groupId?: string;
  scheduleId?: string;
  retryOf?: string;
  /** Jobs that have to complete first. */
  needs?: string[];
  /** Whoever makes the job does its work in the same transaction: its actor gets no letter. */
  immediate?: boolean;
}

export type Author = Pick<Principal, "tenantId" | "userId" | "subject">;

/**
 * Records a job, its event and its actor's first letter, in the caller's transaction.
 * @param keys to seal the places; needed when there are any
 * @throws JOB_NOT_FOUND for a need that does not exist, JOB_STATE_CONFLICT for one that has failed or was cancelled
 */
export async function createJob(em: Em, author: Author, keys: TenantKeys | undefined, job: NewJob): Promise<JobView> {
  const { tenantId } = author;
  const id = crypto.randomUUID();
  const places = { ...(job.source && { source: job.source }), ...(job.target && { target: job.target }) };
  const sealed = keys && Object.keys(places).length ? sealPlaces(keys, id, places) : undefined;
  const waits = await needsOf(em, job.needs ?? []);
  await em.execute(
    `insert into sync.sync_jobs (id, tenant_id, user_id, kind, source_id, target_id, input, mode, status, priority, host, options, sealed_credentials,
                                 group_id, schedule_id, retry_of)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, (select host from sync.sources where id = ?), ''), ?::jsonb, decode(?, 'hex'), ?, ?, ?)`,
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
      (job.target ?? job.source)?.host ?? null,
      job.sourceId ?? null,
      JSON.stringify(job.options ?? {}),
      sealed?.toString("hex") ?? null,
      job.groupId ?? null,
      job.scheduleId ?? null,
      job.retryOf ?? null,
    ],
    "run",
  );
  for (const need of waits)
    await em.execute(`insert into sync.job_needs (job_id, needs_job_id, tenant_id) values (?, ?, ?)`, [id, need, tenantId], "run");
  const view = await jobById(em, id);
  describeAct({ object: `job:${id}` });
  await appendEvent(em, "sync", {
    tenantId,
    type: "sync.job.created",
    stream: `job:${id}`,
    data: factsOf(view),
    actor: author.subject,
  });
  if (!waits.length && !job.immediate) await start(em, tenantId, id);
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

/**
 * Queues a sync of a stored source, in the caller's transaction.
 * @returns the job's id
 * @throws SOURCE_NOT_FOUND when it is not kept any more
 */
export async function queueStored(
  em: Em,
  asked: Pick<NewJob, "mode" | "priority" | "options" | "scheduleId"> & { tenantId: string; userId: string | null; sourceId: string },
): Promise<string> {
  const { tenantId, userId, sourceId, ...rest } = asked;
  const { uri } = await storedById(em, sourceId);
  const author = { tenantId, userId, subject: rest.scheduleId ? `schedule:${rest.scheduleId}` : "service:sync" };
  return (await createJob(em, author, undefined, { ...rest, kind: "sync", input: uri, sourceId })).id;
}
