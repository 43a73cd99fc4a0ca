import Type from "typebox";
import { actionOf, caller, strict, uuid } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { contactOf, identityOf, logIn, tokenFor, type Identity, type OrganisationOf } from "./account.ts";
import { verifyKey, type Verified } from "./apikeys.ts";
import { emailField, passwordField } from "./fields.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";

type Auth = Host<WithIssuer>;
const action = actionOf<Auth>();

export interface SignedIn {
  token: string;
  expiresAt: string;
  tenantId: string;
  /** All that the person belongs to; signing in again with another `tenantId` changes to it. */
  organisations: OrganisationOf[];
}

export const actions = {
  login: action({
    description: "Signs a person in and answers with a token of ten minutes for one organisation.",
    permission: "public",
    rest: "POST /auth/login",
    params: strict({
      email: emailField,
      password: passwordField,
      tenantId: Type.Optional(uuid("The organisation to sign in to; the one joined first when left out.")),
    }),
    async handler(ctx): Promise<SignedIn> {
      const { organisations, ...account } = await logIn(this.db, ctx.params);
      return { ...(await tokenFor(this.issuer, account)), tenantId: account.tenantId, organisations };
    },
  }),

  verify: action({
    description: "Exchanges an API key for a signed claim of a minute at most; the edge does this for its callers.",
    permission: "public",
    idempotent: true,
    params: strict({ credential: Type.String({ minLength: 1, maxLength: 256, description: "An API key." }) }),
    async handler(ctx): Promise<Verified> {
      return await verifyKey(this.db, env.CLUSTER_SECRET, this.issuer, ctx.params.credential);
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
};

export default service<Auth>()({ name: "auth", mixins: [issuerMixin, ormMixin("auth")], actions });
