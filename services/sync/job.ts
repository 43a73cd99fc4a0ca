import type { JobFacts, JobStatus } from "../../config/contracts.ts";
import { errors } from "../../config/errors.ts";
import { row, type Em } from "../../mixins/database.ts";
import { isoTime } from "../../mixins/page.ts";

/** A job as the API shows it. Times are ISO 8601, sizes bytes. */
export interface JobView {
  id: string;
  input: string;
  mode: "incremental" | "full";
  status: JobStatus;
  progress: number;
  options: { analyse: boolean };
  items: JobFacts["items"];
  bytes: JobFacts["bytes"];
  result: Record<string, unknown> | null;
  error: { type: string; message: string } | null;
  createdAt: string;
  startedAt: string | null;
  completedAt: string | null;
}

export const jobColumns = `id, input, mode, status, progress, options,
  json_build_object('total', items_total, 'stored', items_stored, 'unchanged', items_unchanged,
                    'deduplicated', items_deduplicated, 'failed', items_failed, 'gone', items_gone) as items,
  json_build_object('total', bytes_total, 'done', bytes_done) as bytes, result,
  case when error_type is not null then json_build_object('type', error_type, 'message', error_message) end as error,
  ${isoTime("created_at")} as "createdAt", ${isoTime("started_at")} as "startedAt", ${isoTime("completed_at")} as "completedAt"`;

/** @throws JOB_NOT_FOUND, also for a job of another tenant: it can't be told apart from one that never was. */
export async function jobById(em: Em, id: string): Promise<JobView> {
  const found = await row<JobView>(em, `select ${jobColumns} from sync.sync_jobs where id = ?`, [id]);
  if (!found) throw errors.jobNotFound("There is no such job.", { id });
  return found;
}

export const factsOf = (job: JobView): JobFacts => ({
  jobId: job.id,
  status: job.status,
  progress: job.progress,
  items: job.items,
  bytes: job.bytes,
  ...(job.error ? { error: job.error } : {}),
});

export const isFinal = (status: JobStatus): boolean => ["completed", "completed_with_errors", "failed", "cancelled"].includes(status);
