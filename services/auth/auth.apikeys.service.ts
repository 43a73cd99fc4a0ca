import Type from "typebox";
import { actionOf, caller, pageParams, strict, uuid, type Page } from "../../config/action.ts";
import { granted } from "../../config/permissions.ts";
import { env } from "../../config/env.ts";
import { messageOf } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import { policyOf } from "../../mixins/policy/admitted.ts";
import { createKey, listKeys, revokeKey, rotateKey, type ShownKey } from "./apikeys.ts";
import { nameField } from "./fields.ts";
import { revokeLeaked } from "./keys/leak.ts";
import { recordRevocation } from "./revocations.ts";
import { changePolicy } from "./roles/change.ts";

type ApiKeys = Host<WithDatabase>;
const action = actionOf<ApiKeys>();

/** How long a claim of a key holds at most. */
const claimMs = 60_000;
const scope = Type.Enum([...granted]);

export const actions = {
  create: action({
    description: "Makes an API key of the caller's organisation; the answer is the only place where the key itself is shown.",
    permission: "keys:write",
    stepUp: true,
    audit: "apikey.created",
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
      accountId: Type.Optional(uuid("The service account whose key it is to be; the organisation's own when left out.")),
      networks: Type.Optional(
        Type.Array(Type.String({ minLength: 1, maxLength: 64 }), {
          minItems: 1,
          maxItems: 50,
          description: "Addresses and CIDRs, v4 or v6, from which it may be used; from anywhere when left out.",
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

  rotate: action({
    description: "Makes a key that takes another one's place; the old one goes on to work for some hours.",
    permission: "keys:write",
    audit: "apikey.rotated",
    stepUp: true,
    rest: "POST /keys/:id/rotate",
    status: 201,
    params: strict({
      id: uuid("The key to replace."),
      overlapHours: Type.Optional(
        Type.Number({ minimum: 0, maximum: 720, default: 24, description: "How long the old key goes on to work; 0 ends it at once." }),
      ),
    }),
    async handler(ctx): Promise<ShownKey & { key: string; replaces: ShownKey }> {
      const by = caller(ctx);
      const { id, overlapHours = 24 } = ctx.params;
      const rotated = await changePolicy(this.db, ctx, by.tenantId, (em) =>
        rotateKey(em, env.CLUSTER_SECRET, by, policyOf(ctx), { id, overlapHours }),
      );
      // Claims that were made of it meanwhile hold no longer than it.
      if (Date.parse(rotated.replaces.expiresAt!) < Date.now() + claimMs) {
        const revocation = await this.db.system((em) => recordRevocation(em, { tenantId: by.tenantId, subject: `key:${id}` }));
        await ctx.broadcast("credential.revoked", revocation);
      }
      return rotated;
    },
  }),

  leaked: action({
    description: "Revokes a key that was found where it should not be, and tells its owners. The answer is the same whatever was sent.",
    permission: "public",
    rest: "POST /keys/leaked",
    status: 202,
    params: strict({ key: Type.String({ minLength: 1, maxLength: 256, description: "The whole key." }) }),
    handler(ctx): Promise<{ received: true }> {
      // Nobody waits for it: neither answer nor time tells what it was.
      void revokeLeaked(this.db, this.broker, env.CLUSTER_SECRET, ctx.params.key).catch((error: unknown) =>
        this.logger.error(`A leaked key was not dealt with to the end: ${messageOf(error)}`),
      );
      return Promise.resolve({ received: true });
    },
  }),

  revoke: action({
    description: "Revokes an API key for good.",
    permission: "keys:write",
    audit: { act: "apikey.revoked", object: "apikey:id" },
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
