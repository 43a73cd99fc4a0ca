import Type from "typebox";
import { actionOf, caller, strict } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { allowanceOf, limitTenant, type Allowance } from "./allowance.ts";

const action = actionOf<Host<WithDatabase>>();

/** Null goes back to what every organisation has. */
const limit = (minimum: number, description: string) =>
  Type.Optional(Type.Union([Type.Integer({ minimum, maximum: 1_000 }), Type.Null()], { description }));

export const actions = {
  get: action({
    description: "Says how many of the organisation's jobs run and wait, and how many may run at the same time.",
    rest: "GET /sync/queue",
    permission: "sync:read",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<Allowance> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, (em) => allowanceOf(em, tenantId, env.SYNC_TENANT_JOBS));
    },
  }),

  limit: action({
    description: "Sets what an organisation may have of the cluster; null gives it what every other has.",
    permission: "internal",
    audit: "organisation.limited",
    params: strict({
      jobs: limit(0, "Jobs that may run at the same time; none may with 0."),
      weight: limit(1, "Its share beside the others: one of weight 3 gets three times as much as one of weight 1."),
    }),
    async handler(ctx): Promise<Allowance> {
      const { tenantId } = caller(ctx);
      return await this.db.tenant(tenantId, async (em) => {
        await limitTenant(em, tenantId, ctx.params);
        return await allowanceOf(em, tenantId, env.SYNC_TENANT_JOBS);
      });
    },
  }),
};

/** What organisations may have of the cluster. Which job is next is decided by queue.ts. */
export default service<Host<WithDatabase>>()({ name: "sync.queue", mixins: [ormMixin("sync")], actions });
