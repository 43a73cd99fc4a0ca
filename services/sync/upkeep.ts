import type { JobKind } from "../../config/states.ts";
import { row, type Em } from "../../mixins/database.ts";
import { createJob, type Author } from "./creating.ts";
import { jobById, type JobView } from "./job.ts";

/** Kinds of jobs that keep a tenant's vault in order, with what a person reads of them. */
export const upkeepKinds = {
  verify: "Read back what the vault holds",
  repair: "Mend what is damaged",
  collect: "Remove what nothing refers to",
  rekey: "Wrap everything by the current key",
  expire: "Remove what its retention has ended for",
} as const satisfies Partial<Record<JobKind, string>>;
export type UpkeepKind = keyof typeof upkeepKinds;

/** Queues upkeep of a tenant's vault. One that is waiting already is enough: then that is answered. */
export async function queueUpkeep(em: Em, author: Author, kind: UpkeepKind, options: Record<string, unknown> = {}): Promise<JobView> {
  const waiting = await row<{ id: string }>(
    em,
    `select id from sync.sync_jobs where tenant_id = ? and kind = ? and status = 'queued' and options = ?::jsonb limit 1`,
    [author.tenantId, kind, JSON.stringify(options)],
  );
  if (waiting) return await jobById(em, waiting.id);
  return await createJob(em, author, undefined, { kind, input: upkeepKinds[kind], priority: "low", options });
}
