import type { JobStatus } from "../../config/states.ts";
import type { Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { factsOf, isFinal, jobById } from "./job.ts";
import { releaseDependents } from "./needs.ts";
import { tellUntold } from "./telling.ts";
import type { Doubt } from "./thresholds.ts";

/** Steps of a job that the world hears of, with the status each leaves and its event. */
const steps = {
  planned: { status: "running", event: "sync.job.planned" },
  parked: { status: "awaiting_approval", event: "sync.job.parked" },
  approved: { status: "running", event: "sync.job.approved" },
  paused: { status: "paused", event: "sync.job.paused" },
  resumed: { status: "running", event: "sync.job.resumed" },
  cancelled: { status: "cancelled", event: "sync.job.cancelled" },
  failed: { status: "failed", event: "sync.job.failed" },
  completed: { status: "completed", event: "sync.job.completed" },
  completed_with_errors: { status: "completed_with_errors", event: "sync.job.completed" },
} as const satisfies Record<string, { status: JobStatus; event: string }>;
export type Step = keyof typeof steps;

interface More {
  error?: { type: string; message: string };
  result?: Record<string, unknown>;
  approval?: Doubt[];
  /** A principal's subject. */
  approvedBy?: string;
}

/** Writes the new status and its event in the caller's transaction. What has ended stays as it ended. */
export async function announce(em: Em, job: { id: string; tenantId: string }, step: Step, more: More = {}): Promise<void> {
  const before = await jobById(em, job.id);
  if (isFinal(before.status)) return;
  const { status, event } = steps[step];
  // Who hears that a job has ended, or rests, has heard of all that it stored.
  if (status !== "running") await tellUntold(em, job, true);
  const done = status === "completed" || status === "completed_with_errors";
  await em.execute(
    `update sync.sync_jobs set status = ?, error_type = ?, error_message = ?, result = coalesce(?::jsonb, result),
            approval = coalesce(?::jsonb, approval), approved_by = coalesce(?, approved_by),
            progress = case when ? then 100 else progress end, completed_at = case when ? then now() end where id = ?`,
    [
      status,
      more.error?.type ?? null,
      more.error?.message ?? null,
      more.result ? JSON.stringify(more.result) : null,
      more.approval ? JSON.stringify(more.approval) : null,
      more.approvedBy ?? null,
      done,
      isFinal(status),
      job.id,
    ],
    "run",
  );
  await appendEvent(em, "sync", { tenantId: job.tenantId, type: event, stream: `job:${job.id}`, data: factsOf(await jobById(em, job.id)) });
  if (isFinal(status)) await releaseDependents(em, job.id, status);
}
