import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import type { Principal } from "../../config/permissions.ts";
import { jobKinds, jobStatuses } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import type { Things } from "../../config/rules.ts";
import { service, type Host } from "../../config/service.ts";
import { once } from "../../mixins/events.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { visible } from "../../mixins/policy/admitted.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { createJob } from "./creating.ts";
import { attributesOfJob, jobAttributes, jobById, type JobView } from "./job.ts";
import { control, jobSorts, listFailures, listJobs, type FailureView } from "./jobs.ts";
import { itemReport, planActions, planItems, type PlanItem, type ReportItem } from "./listings.ts";
import { checkRequest, newJobOf, syncRequest } from "./request.ts";
import { retryFailed } from "./retry.ts";
import { TenantKeyring } from "./tenantkey.ts";

type JobsService = Host<WithDatabase & { keyring: TenantKeyring }>;
const action = actionOf<JobsService>();

const byId = strict({ id: uuid("The job.") });

/** What is known of a job before it is made. A place that is not a stored source counts as none. */
const madeBy = (params: { sourceId?: string | undefined } | null, by: Principal): Things["job"] => ({
  owner: by.userId,
  source: params?.sourceId ?? null,
});

export const actions = {
  create: action({
    description: "Starts a sync of a place into the vault and answers at once; the work goes on in the background.",
    rest: ["POST /sync/jobs", "POST /trigger"],
    permission: "sync:write",
    concerns: { kind: "job", of: madeBy },
    status: 201,
    idempotencyKey: true,
    params: strict(syncRequest),
    async handler(ctx): Promise<JobView> {
      const principal = caller(ctx);
      const { tenantId } = principal;
      const request = await checkRequest(ctx.params);
      const keys = await this.keyring.of(tenantId);
      const asked = { tenantId, action: "sync.jobs.create", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, (em) =>
        once(em, "sync", asked, async () => await createJob(em, principal, keys, await newJobOf(em, request))),
      );
    },
  }),

  createMany: action({
    description: "Starts several syncs, all or none; the answer's jobs have one groupId.",
    rest: "POST /sync/jobs/batch",
    permission: "sync:write",
    concerns: { kind: "job", of: ({ jobs }, by) => [jobs ?? []].flat().map((job) => madeBy(job, by)) },
    status: 201,
    idempotencyKey: true,
    params: strict({ jobs: Type.Array(strict(syncRequest), { minItems: 1, maxItems: 100, description: "As for a single job." }) }),
    async handler(ctx): Promise<JobView[]> {
      const principal = caller(ctx);
      const { tenantId } = principal;
      const requests = await Promise.all(ctx.params.jobs.map((job, i) => checkRequest(job, `/jobs/${i}`)));
      const keys = await this.keyring.of(tenantId);
      const asked = { tenantId, action: "sync.jobs.createMany", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, (em) =>
        once(em, "sync", asked, async () => {
          const groupId = crypto.randomUUID();
          const jobs: JobView[] = [];
          for (const request of requests) jobs.push(await createJob(em, principal, keys, { ...(await newJobOf(em, request)), groupId }));
          return jobs;
        }),
      );
    },
  }),

  list: action({
    description: "Lists the organisation's sync jobs.",
    rest: "GET /sync/jobs",
    permission: "sync:read",
    concerns: { kind: "job", filtered: true },
    idempotent: true,
    params: strict({
      ...pageParams,
      status: Type.Optional(Type.Enum([...jobStatuses], { description: "Only jobs in this state." })),
      kind: Type.Optional(Type.Enum([...jobKinds], { description: "Only jobs of this kind." })),
      groupId: Type.Optional(uuid("Only jobs that were made by one request.")),
      scheduleId: Type.Optional(uuid("Only jobs of a schedule.")),
      sourceId: Type.Optional(uuid("Only jobs of a source.")),
      sort: Type.Optional(Type.Enum([...jobSorts], { default: "created_at", description: "What to sort by." })),
      order: Type.Optional(Type.Enum(["asc", "desc"], { default: "desc", description: "Direction of the sort." })),
    }),
    async handler(ctx): Promise<Page<JobView>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, sort = "created_at", order = "desc", ...filter } = ctx.params;
      return await this.db.tenant(tenantId, (em) =>
        listJobs(em, env.CLUSTER_SECRET, tenantId, { ...filter, sort, order, limit }, visible(ctx, "job", jobAttributes)),
      );
    },
  }),

  get: action({
    description: "Shows a sync job: state, progress, counts and, when it has ended, its report.",
    rest: "GET /sync/jobs/:id",
    permission: "sync:read",
    concerns: { kind: "job", id: "id" },
    idempotent: true,
    params: byId,
    async handler(ctx): Promise<JobView> {
      return await this.db.tenant(caller(ctx).tenantId, (em) => jobById(em, ctx.params.id));
    },
  }),

  failures: action({
    description: "Lists the items a job could not store, each with its reason.",
    rest: "GET /sync/jobs/:id/failures",
    permission: "sync:read",
    concerns: { kind: "job", id: "id" },
    idempotent: true,
    params: strict({ ...byId.properties, ...pageParams }),
    async handler(ctx): Promise<Page<FailureView>> {
      const { tenantId } = caller(ctx);
      const { id, limit = 50, cursor } = ctx.params;
      return await this.db.tenant(tenantId, (em) => listFailures(em, env.CLUSTER_SECRET, tenantId, id, { limit, cursor }));
    },
  }),

  plan: action({
    description: "Lists what a job's plan does, or did, to the items: fetch, move, touch, retire.",
    rest: "GET /sync/jobs/:id/plan",
    permission: "sync:read",
    concerns: { kind: "job", id: "id" },
    idempotent: true,
    params: strict({
      ...byId.properties,
      ...pageParams,
      action: Type.Optional(Type.Enum([...planActions], { default: "fetch", description: "What is done to the listed items." })),
    }),
    async handler(ctx): Promise<Page<PlanItem>> {
      const { tenantId } = caller(ctx);
      const { id, limit = 50, action = "fetch", cursor } = ctx.params;
      return await this.db.tenant(tenantId, (em) => planItems(em, env.CLUSTER_SECRET, tenantId, id, { action, limit, cursor }));
    },
  }),

  report: action({
    description:
      "Lists what became of every item that a job touched: stored, deduplicated, moved, touched, returned, unchanged, gone, failed.",
    rest: "GET /sync/jobs/:id/report",
    permission: "sync:read",
    concerns: { kind: "job", id: "id" },
    idempotent: true,
    params: strict({
      ...byId.properties,
      cursor: pageParams.cursor,
      limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 2000, default: 200, description: "Rows per page." })),
    }),
    async handler(ctx): Promise<Page<ReportItem>> {
      const { tenantId } = caller(ctx);
      const { id, limit = 200, cursor } = ctx.params;
      return await this.db.tenant(tenantId, (em) => itemReport(em, env.CLUSTER_SECRET, tenantId, id, { limit, cursor }));
    },
  }),

  approve: action({
    description:
      "Approves a plan that waits for it. It is carried out as it stands, or refused (PLAN_STALE) when source or catalogue have moved on.",
    rest: "POST /sync/jobs/:id/approve",
    permission: "sync:write",
    concerns: { kind: "job", id: "id" },
    audit: { act: "job.approved", object: "job:id" },
    status: 202,
    params: byId,
    async handler(ctx): Promise<JobView> {
      return await control(this.db, caller(ctx), ctx.params.id, "approve");
    },
  }),

  retry: action({
    description: "Starts a job that repeats only the items that another one could not store.",
    rest: "POST /sync/jobs/:id/retry",
    permission: "sync:write",
    concerns: { kind: "job", id: "id" },
    status: 201,
    params: byId,
    async handler(ctx): Promise<JobView> {
      return await retryFailed(this.db, this.keyring, caller(ctx), ctx.params.id);
    },
  }),

  pause: action({
    description: "Pauses a job after the batches under way; it keeps its place.",
    rest: "POST /sync/jobs/:id/pause",
    permission: "sync:write",
    concerns: { kind: "job", id: "id" },
    status: 202,
    params: byId,
    async handler(ctx): Promise<JobView> {
      return await control(this.db, caller(ctx), ctx.params.id, "pause");
    },
  }),

  resume: action({
    description: "Lets a paused job go on where it stopped.",
    rest: "POST /sync/jobs/:id/resume",
    permission: "sync:write",
    concerns: { kind: "job", id: "id" },
    status: 202,
    params: byId,
    async handler(ctx): Promise<JobView> {
      return await control(this.db, caller(ctx), ctx.params.id, "resume");
    },
  }),

  cancel: action({
    description: "Ends a job after the batches under way; what was stored stays.",
    rest: ["POST /sync/jobs/:id/cancel", "DELETE /sync/jobs/:id"],
    permission: "sync:write",
    concerns: { kind: "job", id: "id" },
    status: 202,
    params: byId,
    async handler(ctx): Promise<JobView> {
      return await control(this.db, caller(ctx), ctx.params.id, "cancel");
    },
  }),

  update: action({
    description: "Pauses, resumes or cancels a job by naming the state it is to have.",
    rest: "PUT /sync/jobs/:id",
    permission: "sync:write",
    concerns: { kind: "job", id: "id" },
    status: 202,
    params: strict({
      ...byId.properties,
      status: Type.Enum(["paused", "running", "cancelled"], { description: "The state the job is to have." }),
    }),
    async handler(ctx): Promise<JobView> {
      const wish = ({ paused: "pause", running: "resume", cancelled: "cancel" } as const)[ctx.params.status];
      return await control(this.db, caller(ctx), ctx.params.id, wish);
    },
  }),

  ping: action({
    description: "Answers when this service reaches its database.",
    permission: "public",
    params: strict({}),
    async handler(): Promise<void> {
      await this.db.ping();
    },
  }),
};

/** Reception of sync jobs: validates, records, answers. The work is done by sync.worker. */
export default service<JobsService>()({
  name: "sync.jobs",
  mixins: [ormMixin("sync")],
  actions,
  methods: {
    async attributesOf(_kind: "job", tenantId: string, id: string): Promise<Things["job"] | undefined> {
      return await this.db.tenant(tenantId, (em) => attributesOfJob(em, id));
    },
  },
  started() {
    this.keyring = new TenantKeyring(this.db, keyManager(env));
  },
});
