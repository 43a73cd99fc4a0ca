import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { passwordField } from "./fields.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import type { Issued } from "./issuer.ts";
import { askFactor, type FactorAsked } from "./mfa/ask.ts";
import { factorsOf, hasSecondFactor, type Factors } from "./mfa/factors.ts";
import { oneOf, proofFields, tokenField } from "./mfa/fields.ts";
import { makeRecoveryCodes } from "./mfa/recovery.ts";
import { removeFactors, requireSecondFactor } from "./mfa/requirement.ts";
import { finishSignIn } from "./mfa/signin.ts";
import { stepUp } from "./mfa/stepup.ts";
import { tellChange } from "./mfa/tell.ts";
import { person } from "./person.ts";
import { endSessions, tellEnded } from "./sessions/end.ts";
import type { SignedIn } from "./signin.ts";

type Mfa = Host<WithIssuer & WithRedis>;
const action = actionOf<Mfa>();

export const actions = {
  prove: action({
    description: "Ends a sign-in that SECOND_FACTOR_NEEDED has begun: its token with a code, a recovery code or a passkey.",
    permission: "public",
    rest: "POST /auth/second-factor",
    params: strict({ token: tokenField, ...proofFields }),
    async handler(ctx): Promise<SignedIn> {
      const { token, ...proof } = ctx.params;
      oneOf(proof, ["code", "recoveryCode", "passkey"]);
      return await finishSignIn(this, token, proof, ctx.meta.client ?? {});
    },
  }),

  get: action({
    description: "Tells which second factors the caller has, and how many recovery codes are left.",
    permission: "account:manage",
    rest: "GET /auth/second-factor",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<Factors> {
      const { userId } = person(ctx);
      return await this.db.system((em) => factorsOf(em, userId));
    },
  }),

  stepUpOptions: action({
    description: "Begins a step-up with a passkey: what the browser is to sign.",
    permission: "account:manage",
    rest: "POST /auth/step-up/options",
    params: strict({}),
    async handler(ctx): Promise<FactorAsked> {
      const asked = await askFactor(this.db, "step-up", person(ctx).userId);
      if (!asked) throw errors.notFound("You have no second factor; step up with your password.");
      return asked;
    },
  }),

  stepUp: action({
    description: "Proves again who the caller is, and answers with a fresher token of the session: what actions with stepUp ask for.",
    permission: "account:manage",
    rest: "POST /auth/step-up",
    params: strict({ ...proofFields, password: Type.Optional(passwordField), token: Type.Optional(tokenField) }),
    async handler(ctx): Promise<Issued> {
      oneOf(ctx.params, ["code", "recoveryCode", "passkey", "password"]);
      return await stepUp(this, person(ctx), ctx.params);
    },
  }),

  recoveryCodes: action({
    description: "Makes ten new recovery codes, shown this once; those before work no more.",
    permission: "account:manage",
    stepUp: true,
    audit: "factor.recovery_renewed",
    rest: "POST /auth/recovery-codes",
    status: 201,
    params: strict({}),
    async handler(ctx): Promise<{ recoveryCodes: string[] }> {
      const { userId } = person(ctx);
      const recoveryCodes = await this.db.system(async (em) => {
        if (!hasSecondFactor(await factorsOf(em, userId))) throw errors.conflict("You have no second factor that they could stand for.");
        return await makeRecoveryCodes(em, env.CLUSTER_SECRET, userId);
      });
      await tellChange(this, userId, "new recovery codes were made", ctx.meta.client);
      return { recoveryCodes };
    },
  }),

  require: action({
    description: "Says whether the organisation's members need a second factor; who has none can then only make one.",
    permission: "org:write",
    stepUp: true,
    audit: "organisation.second_factor_changed",
    rest: "PUT /organisation/second-factor",
    params: strict({ required: Type.Boolean({ description: "Whether they do." }) }),
    async handler(ctx): Promise<{ required: boolean }> {
      return await requireSecondFactor(this.db, caller(ctx).tenantId, ctx.params.required);
    },
  }),

  reset: action({
    description: "Takes all second factors of a member away and ends their sessions: for who has lost them and the recovery codes.",
    permission: "internal",
    audit: { act: "factor.reset", object: "user:userId" },
    params: strict({ userId: uuid("The person.") }),
    async handler(ctx): Promise<{ removed: number }> {
      const { userId } = ctx.params;
      const { removed, ended } = await this.db.system(async (em) => ({
        removed: await removeFactors(em, caller(ctx).tenantId, userId),
        ended: await endSessions(em, userId, "revoked"),
      }));
      await tellEnded(ctx, this.redis, ended);
      await tellChange(this, userId, "an operator removed all second factors");
      return { removed };
    },
  }),
};

export default service<Mfa>()({ name: "auth.mfa", mixins: [issuerMixin, redisMixin, ormMixin("auth")], actions });
