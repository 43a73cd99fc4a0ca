import type { Context } from "moleculer";
import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { policyOf } from "../../mixins/policy/admitted.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { roleField } from "./fields.ts";
import { changeRoleOf, leave, listMembers, removeMember, transferOwnership, type Member } from "./members/members.ts";
import { person } from "./person.ts";
import { changePolicy } from "./roles/change.ts";
import { endSessions, tellEnded } from "./sessions/end.ts";

type Members = Host<WithDatabase & WithRedis>;
const action = actionOf<Members>();
const userId = uuid("The member.");

export const actions = {
  list: action({
    description: "Lists the people of the organisation, by address.",
    permission: "members:read",
    rest: "GET /members",
    idempotent: true,
    params: strict({ ...pageParams, role: Type.Optional(roleField) }),
    async handler(ctx): Promise<Page<Member>> {
      const { tenantId } = caller(ctx);
      const { limit = 50, cursor, role } = ctx.params;
      return await this.db.tenant(tenantId, (em) => listMembers(em, env.CLUSTER_SECRET, tenantId, { limit, cursor, role }));
    },
  }),

  update: action({
    description: "Gives a member another role, within a second. Nobody can give or take a role that has more than their own.",
    permission: "members:write",
    audit: { act: "member.role_changed", object: "user:userId" },
    rest: "PATCH /members/:userId",
    params: strict({ userId, role: roleField }),
    async handler(ctx): Promise<Member> {
      const { tenantId } = caller(ctx);
      const { userId, role } = ctx.params;
      return await changePolicy(this.db, ctx, tenantId, (em) => changeRoleOf(em, policyOf(ctx), tenantId, userId, role));
    },
  }),

  remove: action({
    description: "Removes a member from the organisation, within a second; the last active owner stays.",
    permission: "members:write",
    audit: { act: "member.removed", object: "user:userId" },
    rest: "DELETE /members/:userId",
    status: 204,
    params: strict({ userId }),
    async handler(ctx): Promise<void> {
      const { tenantId } = caller(ctx);
      const { userId } = ctx.params;
      await changePolicy(this.db, ctx, tenantId, (em) => removeMember(em, policyOf(ctx), tenantId, userId));
      await endTheirs(this, ctx, tenantId, userId);
    },
  }),

  leave: action({
    description: "The caller leaves the organisation; the last active owner can't.",
    permission: "account:manage",
    audit: "member.left",
    rest: "POST /members/leave",
    status: 204,
    params: strict({}),
    async handler(ctx): Promise<void> {
      const { tenantId, userId } = person(ctx);
      await changePolicy(this.db, ctx, tenantId, (em) => leave(em, tenantId, userId));
      await endTheirs(this, ctx, tenantId, userId);
    },
  }),

  transfer: action({
    description: "Hands the organisation over: a member becomes owner, the caller admin.",
    permission: "org:write",
    audit: { act: "organisation.transferred", object: "user:userId" },
    stepUp: true,
    rest: "POST /members/:userId/ownership",
    params: strict({ userId }),
    async handler(ctx): Promise<Member> {
      const { tenantId, userId } = person(ctx);
      return await changePolicy(this.db, ctx, tenantId, (em) => transferOwnership(em, tenantId, userId, ctx.params.userId));
    },
  }),
};

/** Their sessions in this organisation end; those in others go on. */
async function endTheirs({ db, redis }: Members, ctx: Context, tenantId: string, userId: string): Promise<void> {
  const ended = await db.system((em) => endSessions(em, userId, "revoked", { tenantId }));
  await tellEnded(ctx, redis, ended);
}

export default service<Members>()({ name: "auth.members", mixins: [redisMixin, ormMixin("auth")], actions });
