import type { JobFacts } from "../../config/events.ts";
import { priorities, type JobKind, type JobStatus, type Priority } from "../../config/states.ts";
import { errors } from "../../config/errors.ts";
import type { Things } from "../../config/rules.ts";
import { row, type Em } from "../../mixins/database.ts";
import { isoTime } from "../../mixins/page.ts";
import type { JobOptions } from "./options.ts";

/** A job as the API shows it. Times are ISO 8601, sizes bytes. */
export interface JobView {
  id: string;
  kind: JobKind;
  input: string;
  mode: "incremental" | "full";
  status: JobStatus;
  priority: Priority;
  progress: number;
  options: JobOptions;
  items: JobFacts["items"];
  bytes: JobFacts["bytes"];
  rate: JobFacts["rate"];
  secondsLeft: number | null;
  /** Why the plan waits, or waited, for approval. */
  approval: { reason: string; message: string }[] | null;
  approvedBy: string | null;
  result: Record<string, unknown> | null;
  error: { type: string; message: string } | null;
  sourceId: string | null;
  targetId: string | null;
  groupId: string | null;
  scheduleId: string | null;
  retryOf: string | null;
  /** Whoever made it, or made the API key or schedule that did; null for the service itself. */
  userId: string | null;
  createdAt: string;
  startedAt: string | null;
  completedAt: string | null;
}

/** Seconds after which a rate says nothing about now. */
const stale = 30;

export const jobColumns = `id, kind, input, mode, status, (array['${priorities.join("','")}'])[priority + 1] as priority, progress, options,
  json_build_object('total', items_total, 'stored', items_stored, 'unchanged', items_unchanged, 'deduplicated', items_deduplicated,
                    'moved', items_moved, 'failed', items_failed, 'gone', items_gone) as items,
  json_build_object('total', bytes_total, 'done', bytes_done) as bytes,
  case when status = 'running' and sampled_at > now() - interval '${stale} seconds'
       then json_build_object('bytes', round(rate_bytes), 'items', round(rate_items::numeric, 1)) end as rate,
  case when status = 'running' and sampled_at > now() - interval '${stale} seconds' and rate_bytes + rate_items > 0
       then ceil(greatest(case when rate_bytes > 0 then (bytes_total - bytes_done) / rate_bytes else 0 end,
                          case when rate_items > 0 then (items_total - items_stored - items_deduplicated - items_unchanged - items_moved - items_failed) / rate_items else 0 end))::int
  end as "secondsLeft",
  approval, approved_by as "approvedBy", result,
  case when error_type is not null then json_build_object('type', error_type, 'message', error_message) end as error,
  source_id as "sourceId", target_id as "targetId", group_id as "groupId", schedule_id as "scheduleId", retry_of as "retryOf", user_id as "userId",
  ${isoTime("created_at")} as "createdAt", ${isoTime("started_at")} as "startedAt", ${isoTime("completed_at")} as "completedAt"`;

/** @throws JOB_NOT_FOUND, also for a job of another tenant: it can't be told apart from one that never was. */
export async function jobById(em: Em, id: string): Promise<JobView> {
  const found = await row<JobView>(em, `select ${jobColumns} from sync.sync_jobs where id = ?`, [id]);
  if (!found) throw errors.jobNotFound("There is no such job.", { id });
  return found;
}

/** The columns that rules of roles look at. */
export const jobAttributes = { owner: "user_id", source: "source_id" };

export const attributesOfJob = (em: Em, id: string): Promise<Things["job"] | undefined> =>
  row(em, `select user_id as owner, source_id as source from sync.sync_jobs where id = ?`, [id]);

export const factsOf = (job: JobView): JobFacts => ({
  jobId: job.id,
  kind: job.kind,
  status: job.status,
  progress: job.progress,
  items: job.items,
  bytes: job.bytes,
  rate: job.rate,
  secondsLeft: job.secondsLeft,
  ...(job.status === "awaiting_approval" && job.approval ? { approval: job.approval } : {}),
  ...(job.error ? { error: job.error } : {}),
  ...(job.userId && job.options.mail?.length ? { mail: { userId: job.userId, on: job.options.mail } } : {}),
});

export const isFinal = (status: JobStatus): boolean => ["completed", "completed_with_errors", "failed", "cancelled"].includes(status);
