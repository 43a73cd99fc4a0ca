import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { granted } from "../../config/contracts.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { policyOf } from "../../mixins/policy/admitted.ts";
import { createKey, listKeys, revokeKey, type ShownKey } from "./apikeys.ts";
import { nameField } from "./fields.ts";
import { recordRevocation } from "./revocations.ts";
import { changePolicy } from "./roles/change.ts";

type ApiKeys = Host<WithDatabase>;
const action = actionOf<ApiKeys>();

const scope = Type.Enum([...granted]);

export const actions = {
  create: action({
    description: "Makes an API key of the caller's organisation; the answer is the only place where the key itself is shown.",
    permission: "keys:write",
    stepUp: true,
    rest: "POST /keys",
    status: 201,
    params: strict({
      name: nameField("What the key is for.", 200),
      permissions: Type.Optional(
        Type.Array(scope, {
          minItems: 1,
          maxItems: 50,
          description: "What the key may do; all that its maker may, but for what rules limit, when left out.",
        }),
      ),
      expiresAt: Type.Optional(Type.String({ format: "date-time", description: "When it stops working; never when left out." })),
    }),
    async handler(ctx): Promise<ShownKey & { key: string }> {
      return await createKey(this.db, env.CLUSTER_SECRET, caller(ctx), policyOf(ctx), ctx.params);
    },
  }),

  list: action({
    description: "Lists the organisation's API keys that are not revoked, newest first.",
    permission: "keys:read",
    rest: "GET /keys",
    idempotent: true,
    params: strict(pageParams),
    async handler(ctx): Promise<Page<ShownKey>> {
      return await listKeys(this.db, env.CLUSTER_SECRET, caller(ctx).tenantId, ctx.params);
    },
  }),

  revoke: action({
    description: "Revokes an API key for good.",
    permission: "keys:write",
    rest: "DELETE /keys/:id",
    idempotent: true,
    params: strict({ id: uuid("The key's id.") }),
    async handler(ctx): Promise<{ id: string; revokedAt: string }> {
      const { tenantId } = caller(ctx);
      const { id } = ctx.params;
      const revoked = await changePolicy(this.db, ctx, tenantId, (em) => revokeKey(em, tenantId, id));
      const revocation = await this.db.system((em) => recordRevocation(em, { tenantId, subject: `key:${id}` }));
      await ctx.broadcast("credential.revoked", revocation);
      return revoked;
    },
  }),
};

export default service<ApiKeys>()({ name: "auth.apikeys", mixins: [ormMixin("auth")], actions });
