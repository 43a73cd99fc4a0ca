import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { jobStatuses } from "../../config/contracts.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { jobById, type JobView } from "./job.ts";
import { control, createJob, jobSorts, listFailures, listJobs, type FailureView } from "./jobs.ts";
import { readablePlaces } from "./places.ts";
import { accessParams, parseInput } from "./sources/input.ts";
import { TenantKeyring } from "./tenantkey.ts";

type JobsService = Host<WithDatabase & { keyring: TenantKeyring }>;
const action = actionOf<JobsService>();

const byId = strict({ id: uuid("The job.") });

export const actions = {
  create: action({
    description: "Starts a sync of a folder or bucket into the vault and answers at once; the work goes on in the background.",
    rest: ["POST /sync/jobs", "POST /trigger"],
    permission: "sync:write",
    status: 201,
    idempotencyKey: true,
    params: strict({
      input: Type.String({ minLength: 1, maxLength: 4096, description: "What to sync: file:///folder or s3://bucket/prefix." }),
      mode: Type.Optional(
        Type.Enum(["incremental", "full"], {
          default: "incremental",
          description: "incremental fetches what changed; full reads everything again.",
        }),
      ),
      options: Type.Optional(
        strict({
          analyse: Type.Optional(Type.Boolean({ description: "Whether the AI service looks at new assets; true when left out." })),
        }),
      ),
      ...accessParams,
    }),
    async handler(ctx): Promise<JobView> {
      const { input, mode = "incremental", options, ...access } = ctx.params;
      const spec = await parseInput(input, access, readablePlaces);
      const principal = caller(ctx);
      const keys = await this.keyring.of(principal.tenantId);
      return await createJob(
        this.db,
        principal,
        keys,
        { input, mode, analyse: options?.analyse ?? true, spec },
        ctx.meta.idempotencyKey,
        ctx.params,
      );
    },
  }),

  list: action({
    description: "Lists the organisation's sync jobs.",
    rest: "GET /sync/jobs",
    permission: "sync:read",
    idempotent: true,
    params: strict({
      ...pageParams,
      status: Type.Optional(Type.Enum([...jobStatuses], { description: "Only jobs in this state." })),
      sort: Type.Optional(Type.Enum([...jobSorts], { default: "created_at", description: "What to sort by." })),
      order: Type.Optional(Type.Enum(["asc", "desc"], { default: "desc", description: "Direction of the sort." })),
    }),
    async handler(ctx): Promise<Page<JobView>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, cursor, status, sort = "created_at", order = "desc" } = ctx.params;
      return await this.db.tenant(tenantId, (em) => listJobs(em, env.CLUSTER_SECRET, tenantId, { status, sort, order, limit, cursor }));
    },
  }),

  get: action({
    description: "Shows a sync job: state, progress, counts and, when it has ended, its report.",
    rest: "GET /sync/jobs/:id",
    permission: "sync:read",
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
    idempotent: true,
    params: strict({ ...byId.properties, ...pageParams }),
    async handler(ctx): Promise<Page<FailureView>> {
      const { tenantId } = caller(ctx);
      const { id, limit = 50, cursor } = ctx.params;
      return await this.db.tenant(tenantId, (em) => listFailures(em, env.CLUSTER_SECRET, tenantId, id, { limit, cursor }));
    },
  }),

  pause: action({
    description: "Pauses a job after the batches under way; it keeps its place.",
    rest: "POST /sync/jobs/:id/pause",
    permission: "sync:write",
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
};

/** Reception of sync jobs: validates, records, answers. The work is done by sync.worker. */
export default service<JobsService>()({
  name: "sync.jobs",
  mixins: [ormMixin("sync")],
  actions,
  started() {
    this.keyring = new TenantKeyring(this.db, keyManager(env));
  },
});
