import Type from "typebox";
import { actionOf, strict } from "../../config/action.ts";
import { env } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin, type WithDatabase } from "../../mixins/orm.mixin.ts";
import type { RevocationList } from "../../mixins/revocations.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import { revocationsSince } from "./revocations.ts";
import { tendSigningKeys } from "./keyschedule.ts";
import { publicKeys, rewrapSigningKeys, rotateSigningKey, type PublicKey } from "./signingkeys.ts";

type Keys = Host<WithDatabase & { tending: NodeJS.Timeout | undefined; tend(): Promise<void> }>;
const tendEveryMs = 3_600_000;
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
    audit: "signingkey.rotated",
    params: strict({}),
    async handler(ctx): Promise<{ active: string; retired: string }> {
      const rotated = await rotateSigningKey(this.db, keyManager(env));
      await ctx.broadcast("signing.rotated", {});
      return rotated;
    },
  }),

  rewrap: action({
    description: "Wraps the keys that sign tokens by the current master key; `next` says where to go on.",
    permission: "internal",
    audit: "signingkeys.rewrapped",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapSigningKeys(this.db, keyManager(env), ctx.params);
    },
  }),
};

export default service<Keys>()({
  name: "auth.keys",
  mixins: [ormMixin("auth")],
  actions,
  methods: {
    async tend() {
      try {
        const { active, forgotten } = await tendSigningKeys(this.db, keyManager(env), env.SIGNING_KEY_DAYS);
        if (active) await this.broker.broadcast("signing.rotated", {});
        if (active || forgotten) this.logger.info(`${active ?? "The same key"} signs tokens now; ${forgotten} retired ones are forgotten.`);
      } catch (error) {
        // The next hour tries again; the key that there is goes on signing.
        this.logger.warn("The keys that sign tokens were not looked after.", error);
      }
    },
  },
  async started() {
    await this.tend();
    this.tending = setInterval(() => void this.tend(), tendEveryMs);
  },
  stopped() {
    clearInterval(this.tending);
  },
});
