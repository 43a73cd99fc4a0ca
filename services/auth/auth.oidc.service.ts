import { actionOf } from "../../config/action.ts";
import { env, publicUrl } from "../../config/env.ts";
import { service, type Host } from "../../config/service.ts";
import { ormMixin } from "../../mixins/orm.mixin.ts";
import { redisMixin, type WithRedis } from "../../mixins/redis.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { rewrapParams, type Rewrapped } from "../../mixins/vault/rewrap.ts";
import { CurrentProvider } from "./oidc/current.ts";
import { exchange, exchangeParams, type Exchanged } from "./oidc/exchange.ts";
import { rewrapOidcKeys } from "./oidc/keys.ts";
import type { Prove } from "./oidc/interactions.ts";
import { recordsMixin, type WithRecords } from "./oidc/records.mixin.ts";
import { prove } from "./oidc/signin.ts";

type Oidc = Host<WithRecords & WithRedis & { current: CurrentProvider }>;
const action = actionOf<Oidc>();

export const actions = {
  exchange: action({
    description: "Answers one request to the OpenID provider, which the edge serves below /oidc.",
    permission: "public",
    params: exchangeParams,
    async handler(ctx): Promise<Exchanged> {
      const enter: Prove = (tenantId, form) => prove(this, tenantId, form, ctx.meta.client ?? {});
      return await exchange({ db: this.db, provider: await this.current.get(), prove: enter }, publicUrl(env), ctx.params);
    },
  }),

  rewrap: action({
    description: "Wraps the keys that sign ID tokens by the current master key; `next` says where to go on.",
    permission: "internal",
    params: rewrapParams,
    async handler(ctx): Promise<Rewrapped> {
      return await rewrapOidcKeys(this.db, keyManager(env), ctx.params);
    },
  }),
};

export default service<Oidc>()({
  name: "auth.oidc",
  mixins: [recordsMixin, redisMixin, ormMixin("auth")],
  actions,
  started() {
    const { db, records } = this;
    const failed = (error: Error) => this.logger.error("The OpenID provider failed.", error);
    this.current = new CurrentProvider(
      { db, records, clusterSecret: env.CLUSTER_SECRET, publicUrl: publicUrl(env), failed },
      keyManager(env),
    );
  },
});
