import type { Page } from "../../config/action.ts";
import type { Principal } from "../../config/permissions.ts";
import type { JobKind, JobStatus } from "../../config/states.ts";
import { errors } from "../../config/errors.ts";
import { rows, type Database, type Em } from "../../mixins/database.ts";
import { tell } from "../../mixins/mailbox.ts";
import type { Condition } from "../../mixins/policy/sql.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../mixins/page.ts";
import { jobKind } from "./creating.ts";
import { isFinal, jobById, jobColumns, type JobView } from "./job.ts";

const wishes = {
  pause: { possible: (status: JobStatus) => ["queued", "planning", "running"].includes(status), need: "is queued or running" },
  resume: { possible: (status: JobStatus) => status === "paused", need: "is paused" },
  cancel: { possible: (status: JobStatus) => !isFinal(status), need: "has not ended" },
  approve: { possible: (status: JobStatus) => status === "awaiting_approval", need: "waits for approval" },
} as const;
export type Wish = keyof typeof wishes;

/** Puts a wish into the job's mailbox; its owner follows within a batch. @throws JOB_NOT_FOUND, JOB_STATE_CONFLICT */
export async function control(database: Database, principal: Principal, id: string, wish: Wish): Promise<JobView> {
  const { tenantId } = principal;
  return await database.tenant(tenantId, async (em) => {
    await em.execute(`select 1 from sync.sync_jobs where id = ? for update`, [id]);
    const job = await jobById(em, id);
    const { possible, need } = wishes[wish];
    if (!possible(job.status))
      throw errors.jobState(`Only a job that ${need} can be told to ${wish}; this one is ${job.status}.`, { id, status: job.status });
    const letter = { type: wish, body: { by: principal.subject } };
    await tell(em, "sync", { tenantId, kind: jobKind, key: id, messageId: `${id}:${wish}:${crypto.randomUUID()}`, ...letter });
    return job;
  });
}

export const jobSorts = ["created_at", "status", "progress"] as const;

export interface JobFilter {
  status?: JobStatus | undefined;
  kind?: JobKind | undefined;
  groupId?: string | undefined;
  scheduleId?: string | undefined;
  sourceId?: string | undefined;
  sort: (typeof jobSorts)[number];
  order: "asc" | "desc";
  limit: number;
  cursor?: string | undefined;
}

const filterColumns = { status: "status", kind: "kind", groupId: "group_id", scheduleId: "schedule_id", sourceId: "source_id" } as const;

/** A page of a tenant's jobs. @param seen those that the caller may see */
export async function listJobs(em: Em, secret: string, tenantId: string, filter: JobFilter, seen: Condition): Promise<Page<JobView>> {
  const { sort, order, limit, cursor: _cursor, ...wanted } = filter;
  const scope = ["sync.jobs", tenantId, wanted, sort, order];
  const conditions = Object.entries(filterColumns).flatMap(([name, column]): [string, unknown][] => {
    const value = wanted[name as keyof typeof filterColumns];
    return value === undefined ? [] : [[`and ${column} = ?`, value]];
  });
  const cursor = decodeCursor(secret, scope, filter.cursor);
  const than = order === "asc" ? ">" : "<";
  const sortType = { created_at: "timestamptz", status: "text", progress: "integer" }[sort];
  const found = await rows<JobView & { sorted: string }>(
    em,
    `select ${jobColumns}, ${sort}::text as sorted from sync.sync_jobs
     where tenant_id = ? and ${seen.sql} ${conditions.map(([sql]) => sql).join(" ")} ${cursor ? `and (${sort}, id) ${than} (?::${sortType}, ?::uuid)` : ""}
     order by ${sort} ${order}, id ${order} limit ${limit + 1}`,
    [tenantId, ...seen.values, ...conditions.map(([, value]) => value), ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    limit,
    cursor !== undefined,
    ({ sorted: _sorted, ...job }) => job,
    (last) => encodeCursor(secret, scope, { after: [last.sorted, last.id] }),
  );
}

export interface FailureView {
  path: string;
  type: string;
  message: string;
  attempts: number;
  at: string;
}

/** A page of what a job could not store, by path. @throws JOB_NOT_FOUND */
export async function listFailures(
  em: Em,
  secret: string,
  tenantId: string,
  id: string,
  page: { limit: number; cursor?: string | undefined },
): Promise<Page<FailureView>> {
  await jobById(em, id);
  const scope = ["sync.failures", tenantId, id];
  const cursor = decodeCursor(secret, scope, page.cursor);
  const found = await rows<FailureView>(
    em,
    `select path, type, message, attempts, ${isoTime("created_at")} as at from sync.failures
     where job_id = ? ${cursor ? "and path > ?" : ""} order by path limit ${page.limit + 1}`,
    [id, ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    page.limit,
    cursor !== undefined,
    (failure) => failure,
    (last) => encodeCursor(secret, scope, { after: [last.path] }),
  );
}
