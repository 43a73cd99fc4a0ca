import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { contactOf, identityOf, type Identity } from "./account.ts";
import { verifyKey, type Verified } from "./apikeys.ts";
import { emailField, nameField, passwordField } from "./fields.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { provePassword } from "./passwords/prove.ts";
import { accessTokenPrefix } from "./oidc/scopes.ts";
import { recordsMixin, type WithRecords } from "./oidc/records.mixin.ts";
import { verifyAccessToken } from "./oidc/verify.ts";
import { signIn, type SignedIn } from "./signin.ts";

type Auth = Host<WithIssuer & WithRedis & WithRecords>;
const action = actionOf<Auth>();

export const actions = {
  login: action({
    description:
      "Signs a person in: a session with a token of ten minutes for one organisation, and a refresh token that gets the next. Who has a second factor is asked for it.",
    permission: "public",
    rest: "POST /auth/login",
    params: strict({
      email: emailField,
      password: passwordField,
      tenantId: Type.Optional(uuid("The organisation to sign in to; the one joined first when left out.")),
      device: Type.Optional(nameField("What to call this device in the list of sessions.", 100)),
    }),
    async handler(ctx): Promise<SignedIn> {
      const { tenantId, device: name } = ctx.params;
      const { userId } = await provePassword(this.db, this.redis, ctx.params, ctx.meta.client ?? {});
      return await signIn(this, { userId, tenantId, methods: ["pwd"], device: { ...ctx.meta.client, name } });
    },
  }),

  verify: action({
    description:
      "Exchanges an API key or an OAuth access token for a signed claim of a minute at most; the edge does this for its callers.",
    permission: "public",
    idempotent: true,
    params: strict({ credential: Type.String({ minLength: 1, maxLength: 256, description: "An API key or access token." }) }),
    async handler(ctx): Promise<Verified> {
      const { credential } = ctx.params;
      if (credential.startsWith(accessTokenPrefix)) return await verifyAccessToken(this.db, this.records, this.issuer, credential);
      return await verifyKey(this.db, env.CLUSTER_SECRET, this.issuer, credential);
    },
  }),

  me: action({
    description: "Tells who the caller is: organisation, person and permissions.",
    permission: "org:read",
    rest: "GET /me",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<Identity> {
      return await identityOf(this.db, caller(ctx));
    },
  }),

  contact: action({
    description: "The address of a member of the organisation, for mails about what they asked for.",
    permission: "internal",
    idempotent: true,
    params: strict({ userId: uuid("The person.") }),
    async handler(ctx): Promise<{ email: string }> {
      return await contactOf(this.db, caller(ctx).tenantId, ctx.params.userId);
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

export default service<Auth>()({ name: "auth", mixins: [issuerMixin, recordsMixin, redisMixin, ormMixin("auth")], actions });
