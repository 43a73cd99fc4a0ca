import { actionOf, strict } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { row } from "../../mixins/database.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, rewrapTable, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { beginAuthenticator, removeAuthenticator, sealedSecrets } from "./mfa/authenticator.ts";
import { base32 } from "./mfa/base32.ts";
import { confirmAuthenticator, type Enrolled } from "./mfa/enrol.ts";
import { afterRemoval, type Factors } from "./mfa/factors.ts";
import { codeField } from "./mfa/fields.ts";
import { relyingParty } from "./mfa/relyingparty.ts";
import { tellChange } from "./mfa/tell.ts";
import { keyUri } from "./mfa/totp.ts";
import { person } from "./person.ts";

type Authenticator = Host<WithIssuer & WithRedis>;
const action = actionOf<Authenticator>();

export const actions = {
  create: action({
    description: "Makes a secret for the caller's authenticator app, shown this once; it counts after its first code.",
    permission: "account:manage",
    stepUp: true,
    rest: "POST /auth/authenticator",
    status: 201,
    params: strict({}),
    async handler(ctx): Promise<{ secret: string; uri: string }> {
      const { userId } = person(ctx);
      const secret = await beginAuthenticator(this.db, keyManager(env), userId);
      const found = await this.db.system((em) => row<{ email: string }>(em, `select email from auth.users where id = ?`, [userId]));
      return { secret: base32(secret), uri: keyUri(secret, relyingParty(env).name, found!.email) };
    },
  }),

  confirm: action({
    description: "Shows the app's first code: from now on it is asked for at sign-in. Recovery codes come with a first second factor.",
    permission: "account:manage",
    stepUp: true,
    rest: "POST /auth/authenticator/confirm",
    params: strict({ code: codeField }),
    async handler(ctx): Promise<Enrolled> {
      const enrolled = await confirmAuthenticator(this, person(ctx), ctx.params.code);
      await tellChange(this, person(ctx).userId, "an authenticator app was added", ctx.meta.client);
      return enrolled;
    },
  }),

  remove: action({
    description: "Removes the caller's authenticator app; with the last second factor the recovery codes go, too.",
    permission: "account:manage",
    stepUp: true,
    audit: "factor.removed",
    rest: "DELETE /auth/authenticator",
    params: strict({}),
    async handler(ctx): Promise<Factors> {
      const { userId } = person(ctx);
      const left = await this.db.system(async (em) => {
        if (!(await removeAuthenticator(em, userId))) throw errors.notFound("You have no authenticator app.");
        return await afterRemoval(em, userId);
      });
      await tellChange(this, userId, "the authenticator app was removed", ctx.meta.client);
      return left;
    },
  }),

  rewrap: action({
    description: "Wraps the secrets of all authenticator apps by the current master key; `next` says where to go on.",
    permission: "internal",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapTable(this.db, keyManager(env), sealedSecrets, ctx.params);
    },
  }),
};

export default service<Authenticator>()({ name: "auth.authenticator", mixins: [issuerMixin, redisMixin, ormMixin("auth")], actions });
