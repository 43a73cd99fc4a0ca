import Type from "typebox";
import { actionOf, strict, uuid } from "../../config/action.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { nameField } from "./fields.ts";
import { issuerMixin, type WithIssuer } from "./issuer.mixin.ts";
import { beginPasskey, finishPasskey, type Enrolled, type PasskeyBegun } from "./mfa/enrol.ts";
import { afterRemoval, type Factors } from "./mfa/factors.ts";
import { assertionField, registrationField, tokenField } from "./mfa/fields.ts";
import { listPasskeys, removePasskey, renamePasskey, type ShownPasskey } from "./mfa/passkeys.ts";
import { beginPasskeySignIn, finishPasskeySignIn, type PasskeyAsked } from "./mfa/signin.ts";
import { tellChange } from "./mfa/tell.ts";
import { person } from "./person.ts";
import type { SignedIn } from "./signin.ts";
import { mustHaveWayIn } from "./social/identities.ts";

type Passkeys = Host<WithIssuer & WithRedis>;
const action = actionOf<Passkeys>();

const name = nameField("What its owner calls it.", 100);
const id = uuid("The passkey.");

export const actions = {
  options: action({
    description: "Begins to make a passkey of the caller: what the browser needs, and a token for `create`.",
    permission: "account:manage",
    stepUp: true,
    rest: "POST /auth/passkeys/options",
    params: strict({}),
    async handler(ctx): Promise<PasskeyBegun> {
      return await beginPasskey(this, person(ctx));
    },
  }),

  create: action({
    description: "Registers a passkey; from now on it is asked for at sign-in. Recovery codes come with a first second factor.",
    permission: "account:manage",
    stepUp: true,
    rest: "POST /auth/passkeys",
    status: 201,
    params: strict({ token: tokenField, name, passkey: registrationField }),
    async handler(ctx): Promise<Enrolled & { passkey: ShownPasskey }> {
      const enrolled = await finishPasskey(this, person(ctx), ctx.params);
      await tellChange(this, person(ctx).userId, "a passkey was added", ctx.meta.client);
      return enrolled;
    },
  }),

  list: action({
    description: "Lists the caller's passkeys, newest first.",
    permission: "account:manage",
    rest: "GET /auth/passkeys",
    idempotent: true,
    params: strict({}),
    async handler(ctx): Promise<ShownPasskey[]> {
      const { userId } = person(ctx);
      return await this.db.system((em) => listPasskeys(em, userId));
    },
  }),

  rename: action({
    description: "Gives a passkey of the caller another name.",
    permission: "account:manage",
    rest: "PATCH /auth/passkeys/:id",
    params: strict({ id, name }),
    async handler(ctx): Promise<ShownPasskey> {
      const { userId } = person(ctx);
      return await this.db.system((em) => renamePasskey(em, userId, ctx.params.id, ctx.params.name));
    },
  }),

  remove: action({
    description: "Removes a passkey of the caller; with the last second factor the recovery codes go, too.",
    permission: "account:manage",
    stepUp: true,
    audit: { act: "factor.removed", object: "passkey:id" },
    rest: "DELETE /auth/passkeys/:id",
    params: strict({ id }),
    async handler(ctx): Promise<Factors> {
      const { userId } = person(ctx);
      const left = await this.db.system(async (em) => {
        await removePasskey(em, userId, ctx.params.id);
        await mustHaveWayIn(em, userId);
        return await afterRemoval(em, userId);
      });
      await tellChange(this, userId, "a passkey was removed", ctx.meta.client);
      return left;
    },
  }),

  signInOptions: action({
    description: "Begins a sign-in by a passkey alone: what the browser is to sign, and a token for `signIn`.",
    permission: "public",
    rest: "POST /auth/passkey/options",
    params: strict({}),
    async handler(): Promise<PasskeyAsked> {
      return await beginPasskeySignIn(this);
    },
  }),

  signIn: action({
    description: "Signs in by a passkey alone, which has to check who uses it.",
    permission: "public",
    rest: "POST /auth/passkey",
    params: strict({
      token: tokenField,
      passkey: assertionField,
      tenantId: Type.Optional(uuid("The organisation to sign in to; the one joined first when left out.")),
      device: Type.Optional(nameField("What to call this device in the list of sessions.", 100)),
    }),
    async handler(ctx): Promise<SignedIn> {
      return await finishPasskeySignIn(this, ctx.params, ctx.meta.client ?? {});
    },
  }),
};

export default service<Passkeys>()({ name: "auth.passkeys", mixins: [issuerMixin, redisMixin, ormMixin("auth")], actions });
