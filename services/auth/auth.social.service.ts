import Type from "typebox";
import { actionOf, strict, uuid } from "../../config/action.ts";
import { env, publicUrl } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { service, type Host } from "../../config/service.ts";
import { readProviders } from "../../config/social.ts";
import { subscriberOf } from "../../mixins/networks.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { nameField } from "./fields.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { tellChange } from "./mfa/tell.ts";
import { counts } from "./passwords/forgotten.ts";
import { person } from "./person.ts";
import type { SignedIn } from "./signin.ts";
import { begin, take, type Begun, type SocialBegun } from "./social/begun.ts";
import { enter, recordLink } from "./social/enter.ts";
import { linkIdentity, listIdentities, unlinkIdentity, type ShownIdentity } from "./social/identities.ts";
import type { Claimed } from "./social/provider.ts";
import { Providers } from "./social/providers.ts";

type Social = Host<WithIssuer & WithRedis & { providers: Providers }>;
const action = actionOf<Social>();

/** Ways begun from one address within an hour: an office may stand behind it. */
const perHour = 300;

const provider = Type.String({ pattern: "^[a-z][a-z0-9-]{0,30}$", description: "Id of the provider, as `providers` lists it." });
const back = {
  handle: Type.String({ minLength: 1, maxLength: 128, description: "What `begin` or `link` gave to this browser." }),
  query: Type.String({ maxLength: 8_192, description: "What stands behind the ? of the address that the provider sent the browser to." }),
};

/** The page of the front end that a provider sends browsers to. It posts what it was called with. */
const redirectUri = (id: string) => `${publicUrl(env)}/sign-in/${id}`;

/** Takes up a way that was begun, and asks the provider who came back. */
async function cameBack(host: Social, { handle, query }: { handle: string; query: string }): Promise<{ begun: Begun; claimed: Claimed }> {
  const state = new URLSearchParams(query).get("state") ?? "";
  const begun = await take(host.redis, state, handle);
  const found = host.providers.get(begun.provider);
  const address = new URL(`${redirectUri(begun.provider)}?${query.replace(/^\?/, "")}`);
  return { begun, claimed: await found.finish(address, { ...begun, state }) };
}

export const actions = {
  providers: action({
    description: "Lists who people may sign in with here.",
    permission: "public",
    rest: "GET /auth/social/providers",
    idempotent: true,
    params: strict({}),
    handler(): Promise<{ id: string; name: string }[]> {
      return Promise.resolve(this.providers.list());
    },
  }),

  begin: action({
    description: "Begins a sign-in by another provider: where to send the browser, and a handle for `finish`.",
    permission: "public",
    rest: "POST /auth/social/:provider/begin",
    params: strict({
      provider,
      organisation: Type.Optional(nameField("Makes an organisation of this name, with its owner, for who has no account yet.", 200)),
    }),
    async handler(ctx): Promise<SocialBegun> {
      const { provider: id, organisation = null } = ctx.params;
      const found = this.providers.get(id);
      const address = ctx.meta.client?.address;
      if (address !== undefined && !(await counts(this.redis, `social:begun:${subscriberOf(address)}`, perHour)))
        throw errors.signInDelayed("Too many sign-ins were begun from this address; try again later.", { retryAfter: 600 });
      return await begin(this.redis, found, redirectUri(id), { userId: null, organisation });
    },
  }),

  finish: action({
    description: "Signs in who came back from a provider, as a password does. Who has a second factor is asked for it.",
    permission: "public",
    rest: "POST /auth/social/finish",
    params: strict({
      ...back,
      tenantId: Type.Optional(uuid("The organisation to sign in to; the one joined first when left out.")),
      device: Type.Optional(nameField("What to call this device in the list of sessions.", 100)),
    }),
    async handler(ctx): Promise<SignedIn> {
      const { begun, claimed } = await cameBack(this, ctx.params);
      if (begun.userId !== null) throw errors.challengeInvalid("This was begun to link an account: end it at /auth/social/join.");
      const { tenantId, device } = ctx.params;
      const client = ctx.meta.client ?? {};
      return await enter(this, claimed, begun, { tenantId, device, client }, (userId) =>
        tellChange(this, userId, `${this.providers.nameOf(begun.provider)} was linked`, client),
      );
    },
  }),

  identities: action({
    description: "Lists the providers that the caller can sign in with, newest first.",
    permission: "account:manage",
    rest: "GET /auth/social/identities",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<ShownIdentity[]> {
      const { userId } = person(ctx);
      return await this.db.system((em) => listIdentities(em, userId));
    },
  }),

  link: action({
    description: "Begins to link a provider to the caller's account: where to send the browser, and a handle for `join`.",
    permission: "account:manage",
    stepUp: true,
    rest: "POST /auth/social/:provider/link",
    params: strict({ provider }),
    async handler(ctx): Promise<SocialBegun> {
      const { userId } = person(ctx);
      const { provider: id } = ctx.params;
      return await begin(this.redis, this.providers.get(id), redirectUri(id), { userId, organisation: null });
    },
  }),

  join: action({
    description: "Links the account at the provider that the browser came back with to the caller's account.",
    permission: "account:manage",
    rest: "POST /auth/social/join",
    status: 201,
    params: strict(back),
    async handler(ctx): Promise<ShownIdentity> {
      const { userId } = person(ctx);
      const { begun, claimed } = await cameBack(this, ctx.params);
      if (begun.userId !== userId) throw errors.challengeInvalid("This was not begun by you; begin again.");
      const linked = await this.db.system(async (em) => {
        const identity = await linkIdentity(em, userId, begun.provider, claimed);
        await recordLink(em, userId, identity.id, begun.provider);
        return identity;
      });
      await tellChange(this, userId, `${this.providers.nameOf(begun.provider)} was linked`, ctx.meta.client);
      return linked;
    },
  }),

  unlink: action({
    description: "Takes a provider away from the caller's ways to sign in, but not the last one.",
    permission: "account:manage",
    stepUp: true,
    audit: { act: "identity.unlinked", object: "identity:id" },
    rest: "DELETE /auth/social/identities/:id",
    status: 204,
    params: strict({ id: uuid("The link.") }),
    async handler(ctx): Promise<void> {
      const { userId } = person(ctx);
      const removed = await this.db.system((em) => unlinkIdentity(em, userId, ctx.params.id));
      await tellChange(this, userId, `${this.providers.nameOf(removed)} was unlinked`, ctx.meta.client);
    },
  }),
};

/** Sign-in by other providers. */
export default service<Social>()({
  name: "auth.social",
  mixins: [issuerMixin, redisMixin, ormMixin("auth")],
  actions,
  created() {
    this.providers = new Providers(readProviders(env.SOCIAL_PROVIDERS).providers);
  },
});
