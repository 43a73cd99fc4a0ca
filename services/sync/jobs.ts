import type { Page } from "../../config/action.ts";
import type { JobStatus, Principal } from "../../config/contracts.ts";
import { errors } from "../../config/errors.ts";
import { row, rows, type Database, type Em } from "../../mixins/database.ts";
import { appendEvent, once } from "../../mixins/events.ts";
import { tell } from "../../mixins/mailbox.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../mixins/page.ts";
import { sealSmall, type TenantKeys } from "../../mixins/vault/keys.ts";
import { factsOf, isFinal, jobById, jobColumns, type JobView } from "./job.ts";
import type { Spec } from "./sources/source.ts";

/** Actors of this kind run jobs; their key is the job's id. */
export const jobKind = "job";

/** Purpose under which a job's credentials are sealed. */
export const credentialsPurpose = (jobId: string) => `credentials of job ${jobId}`;

export interface NewJob {
  input: string;
  mode: "incremental" | "full";
  analyse: boolean;
  spec: Spec;
}

/** Records a job, its event and its actor's first letter, in one transaction. Nothing is listed or read yet. */
export async function createJob(
  database: Database,
  principal: Principal,
  keys: TenantKeys,
  job: NewJob,
  idempotencyKey: string | undefined,
  request: unknown,
): Promise<JobView> {
  const { tenantId } = principal;
  return await database.tenant(tenantId, (em) =>
    once(em, "sync", { tenantId, action: "sync.jobs.create", key: idempotencyKey, params: request }, async () => {
      const sourceId = await sourceOf(em, tenantId, job.spec);
      const id = crypto.randomUUID();
      const sealed = sealedSpec(keys, id, job.spec);
      await em.execute(
        `insert into sync.sync_jobs (id, tenant_id, user_id, source_id, input, mode, options, sealed_credentials)
         values (?, ?, ?, ?, ?, ?, ?::jsonb, decode(?, 'hex'))`,
        [
          id,
          tenantId,
          principal.userId,
          sourceId,
          job.spec.uri,
          job.mode,
          JSON.stringify({ analyse: job.analyse }),
          sealed.toString("hex"),
        ],
        "run",
      );
      const view = await jobById(em, id);
      await appendEvent(em, "sync", {
        tenantId,
        type: "sync.job.created",
        stream: `job:${id}`,
        data: factsOf(view),
        actor: principal.subject,
      });
      await tell(em, "sync", { tenantId, kind: jobKind, key: id, messageId: `${id}:run`, type: "run" });
      return view;
    }),
  );
}

/** The whole source, credentials included, is sealed: endpoint and bucket say much about a tenant too. */
const sealedSpec = (keys: TenantKeys, jobId: string, spec: Spec) =>
  sealSmall(keys, credentialsPurpose(jobId), Buffer.from(JSON.stringify(spec)));

async function sourceOf(em: Em, tenantId: string, spec: Spec): Promise<string> {
  await em.execute(
    `insert into sync.sources (tenant_id, kind, uri) values (?, ?, ?) on conflict (tenant_id, uri) do nothing`,
    [tenantId, spec.kind, spec.uri],
    "run",
  );
  const found = await row<{ id: string }>(em, `select id from sync.sources where tenant_id = ? and uri = ?`, [tenantId, spec.uri]);
  if (!found) throw errors.internal("The source was not recorded.");
  return found.id;
}

const wishes = {
  pause: { possible: (status: JobStatus) => !isFinal(status) && status !== "paused", need: "is running or waiting" },
  resume: { possible: (status: JobStatus) => status === "paused", need: "is paused" },
  cancel: { possible: (status: JobStatus) => !isFinal(status), need: "has not ended" },
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
    await tell(em, "sync", { tenantId, kind: jobKind, key: id, messageId: `${id}:${wish}:${crypto.randomUUID()}`, type: wish });
    return job;
  });
}

export const jobSorts = ["created_at", "status", "progress"] as const;

export interface JobFilter {
  status?: JobStatus | undefined;
  sort: (typeof jobSorts)[number];
  order: "asc" | "desc";
  limit: number;
  cursor?: string | undefined;
}

/** A page of a tenant's jobs. */
export async function listJobs(em: Em, secret: string, tenantId: string, filter: JobFilter): Promise<Page<JobView>> {
  const { status, sort, order, limit } = filter;
  const scope = ["sync.jobs", tenantId, status, sort, order];
  const cursor = decodeCursor(secret, scope, filter.cursor);
  const than = order === "asc" ? ">" : "<";
  const sortType = { created_at: "timestamptz", status: "text", progress: "integer" }[sort];
  const found = await rows<JobView & { sorted: string }>(
    em,
    `select ${jobColumns}, ${sort}::text as sorted from sync.sync_jobs
     where tenant_id = ? ${status ? "and status = ?" : ""} ${cursor ? `and (${sort}, id) ${than} (?::${sortType}, ?::uuid)` : ""}
     order by ${sort} ${order}, id ${order} limit ${limit + 1}`,
    [tenantId, ...(status ? [status] : []), ...(cursor?.after ?? [])],
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
