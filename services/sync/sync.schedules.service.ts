import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { priorities } from "../../config/states.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { once } from "../../mixins/events.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { jobOptions } from "./options.ts";
import {
  changeSchedule,
  createSchedule,
  listSchedules,
  removeSchedule,
  runSchedule,
  scheduleById,
  type ScheduleView,
} from "./schedules.ts";

const action = actionOf<Host<WithDatabase>>();

const byId = strict({ id: uuid("The schedule.") });
const plan = {
  name: Type.String({ minLength: 1, maxLength: 200, description: "What people call it." }),
  sourceId: uuid("The stored source that is synced."),
  cron: Type.String({
    minLength: 1,
    maxLength: 200,
    description: "Minute, hour, day of month, month, day of week, e.g. 30 6 * * 1-5; with seconds before them if there are six fields.",
  }),
};
/** Without defaults in the schema: they would be filled into changes too. */
const wishes = {
  timeZone: Type.Optional(
    Type.String({
      maxLength: 100,
      default: "UTC",
      description: "Whose clocks: an IANA name such as Europe/Berlin. Summer time is heeded.",
    }),
  ),
  catchUp: Type.Optional(
    Type.Enum(["once", "skip"], {
      description: "Of runs that were missed while the service was down: once starts one for all of them, skip none. once when left out.",
    }),
  ),
  mode: Type.Optional(Type.Enum(["incremental", "full"], { description: "As of a single job; incremental when left out." })),
  priority: Type.Optional(Type.Enum([...priorities], { description: "Before which other jobs its runs come; normal when left out." })),
  options: Type.Optional(jobOptions),
  enabled: Type.Optional(Type.Boolean({ description: "Whether it runs by itself; true when left out." })),
};

export const actions = {
  create: action({
    description:
      "Syncs a stored source again and again, at times of a time zone. A run that comes while the one before goes on is left out.",
    rest: "POST /sync/schedules",
    permission: "sync:write",
    status: 201,
    idempotencyKey: true,
    params: strict({ ...plan, ...wishes }),
    async handler(ctx): Promise<ScheduleView> {
      const principal = caller(ctx);
      const { tenantId } = principal;
      const usual = { timeZone: "UTC", catchUp: "once", mode: "incremental", priority: "normal", options: {}, enabled: true } as const;
      const asked = { tenantId, action: "sync.schedules.create", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, (em) =>
        once(em, "sync", asked, () => createSchedule(em, principal, { ...usual, ...ctx.params }, new Date())),
      );
    },
  }),

  list: action({
    description: "Lists the organisation's schedules, by name, with their next runs.",
    rest: "GET /sync/schedules",
    permission: "sync:read",
    idempotent: true,
    params: strict({ ...pageParams, sourceId: Type.Optional(uuid("Only schedules of this stored source.")) }),
    async handler(ctx): Promise<Page<ScheduleView>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, cursor, sourceId } = ctx.params;
      return await this.db.tenant(tenantId, (em) => listSchedules(em, env.CLUSTER_SECRET, tenantId, { limit, cursor, sourceId }));
    },
  }),

  get: action({
    description: "Shows a schedule: its times, the next five runs, the last one, and how many were left out.",
    rest: "GET /sync/schedules/:id",
    permission: "sync:read",
    idempotent: true,
    params: byId,
    async handler(ctx): Promise<ScheduleView> {
      return await this.db.tenant(caller(ctx).tenantId, (em) => scheduleById(em, ctx.params.id));
    },
  }),

  update: action({
    description: "Changes what is given of a schedule; other times count from now.",
    rest: "PATCH /sync/schedules/:id",
    permission: "sync:write",
    params: strict({
      ...byId.properties,
      name: Type.Optional(plan.name),
      sourceId: Type.Optional(plan.sourceId),
      cron: Type.Optional(plan.cron),
      ...wishes,
    }),
    async handler(ctx): Promise<ScheduleView> {
      const { tenantId } = caller(ctx);
      const { id, ...change } = ctx.params;
      return await this.db.tenant(tenantId, (em) => changeSchedule(em, tenantId, id, change, new Date()));
    },
  }),

  remove: action({
    description: "Removes a schedule; the jobs that it has started stay.",
    rest: "DELETE /sync/schedules/:id",
    permission: "sync:write",
    status: 204,
    params: byId,
    async handler(ctx): Promise<void> {
      await this.db.tenant(caller(ctx).tenantId, (em) => removeSchedule(em, ctx.params.id));
    },
  }),

  run: action({
    description: "Starts a run of a schedule now, beside its times; the answer's lastJobId is the job.",
    rest: "POST /sync/schedules/:id/run",
    permission: "sync:write",
    status: 202,
    idempotencyKey: true,
    params: byId,
    async handler(ctx): Promise<ScheduleView> {
      const { tenantId, userId } = caller(ctx);
      const { id } = ctx.params;
      const asked = { tenantId, action: "sync.schedules.run", key: ctx.meta.idempotencyKey, params: ctx.params };
      return await this.db.tenant(tenantId, (em) => once(em, "sync", asked, () => runSchedule(em, tenantId, userId, id, new Date())));
    },
  }),
};

/** Schedules of syncs. Their runs are started by sync.worker: see scheduler.ts. */
export default service<Host<WithDatabase>>()({ name: "sync.schedules", mixins: [ormMixin("sync")], actions });
