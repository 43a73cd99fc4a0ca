import Type from "typebox";
import { actionOf, strict } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import type { RevocationList } from "../../mixins/revocations.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import { revocationsSince } from "./revocations.ts";
import { publicKeys, rewrapSigningKeys, rotateSigningKey, type PublicKey } from "./signingkeys.ts";

type Keys = Host<WithDatabase>;
const action = actionOf<Keys>();

export const actions = {
  public: action({
    description: "Answers with the public keys by which tokens are verified, as a JWK set.",
    permission: "public",
    idempotent: true,
    params: strict({}),
    async handler(): Promise<{ keys: PublicKey[] }> {
      return { keys: await publicKeys(this.db) };
    },
  }),

  revoked: action({
    description: "Answers with what was revoked after a moment and may still be in anybody's hands.",
    permission: "public",
    idempotent: true,
    params: strict({ since: Type.Number({ minimum: 0, description: "Milliseconds since 1970." }) }),
    async handler(ctx): Promise<RevocationList> {
      return await revocationsSince(this.db, ctx.params.since);
    },
  }),

  rotate: action({
    description: "Retires the key that signs tokens and lets the next one sign; tokens signed before stay valid.",
    permission: "internal",
    params: strict({}),
    async handler(): Promise<{ active: string; retired: string }> {
      return await rotateSigningKey(this.db, keyManager(env));
    },
  }),

  rewrap: action({
    description: "Wraps the keys that sign tokens by the current master key; `next` says where to go on.",
    permission: "internal",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapSigningKeys(this.db, keyManager(env), ctx.params);
    },
  }),
};

export default service<Keys>()({ name: "auth.keys", mixins: [ormMixin("auth")], actions });
