import { env, publicUrl } from "../../config/env.ts";
import { mixin, type Host } from "../../config/service.ts";
import type { WithDatabase } from "../../mixins/orm.mixin.ts";
import type { WithRedis } from "../../mixins/redis.mixin.ts";
import { keyManager } from "../../mixins/vault/kms/manager.ts";
import { Accounts } from "./accounts/accounts.ts";
import { configuredCredentials } from "./gateway/configured.ts";
import { isPayPal } from "./gateway/transport.ts";
import type { Till } from "./till.ts";

export interface WithTill extends WithDatabase, WithRedis {
  till: Till;
  accounts: Accounts;
}

/** Accounts by broker: the payment services of a node share tokens and breakers. */
const opened = new WeakMap<object, { accounts: Accounts; users: number }>();

function openAccounts({ db, redis, logger }: Host<WithTill>): Accounts {
  const { PAYPAL_URL: url, CLUSTER_SECRET: clusterSecret } = env;
  if (url !== undefined && !isPayPal(url)) logger.warn("PAYPAL_URL is not PayPal's: payments are simulated, no money moves.");
  return new Accounts(db, redis, { clusterSecret, keys: keyManager(env), configured: configuredCredentials(env), ...(url && { url }) });
}

/** Gives a service `this.till` and `this.accounts`. List it before redisMixin and ormMixin: the last mixin starts first. */
export const tillMixin = mixin<Host<WithTill>>()({
  started() {
    const entry = opened.get(this.broker) ?? { accounts: openAccounts(this), users: 0 };
    opened.set(this.broker, entry);
    entry.users++;
    const { accounts } = entry;
    this.accounts = accounts;
    this.till = {
      db: this.db,
      redis: this.redis,
      secret: env.CLUSTER_SECRET,
      publicUrl: publicUrl(env),
      paypal: (tenantId, accountId) => accounts.paypal(tenantId, accountId),
    };
  },
  stopped() {
    const entry = opened.get(this.broker);
    if (!entry || --entry.users > 0) return;
    opened.delete(this.broker);
    entry.accounts.close();
  },
});
