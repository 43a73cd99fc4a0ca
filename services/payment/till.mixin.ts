import { env, publicUrl } from "../../config/env.ts";
import { errors } from "../../config/errors.ts";
import { mixin, type Host } from "../../config/service.ts";
import type { WithDatabase } from "../../mixins/orm.mixin.ts";
import type { WithRedis } from "../../mixins/redis.mixin.ts";
import { configuredConnection } from "./gateway/configured.ts";
import { paypalOf, type PayPal, type Till } from "./till.ts";

export interface WithTill extends WithDatabase, WithRedis {
  till: Till;
}

/** PayPal by broker: the payment services of a node share tokens and breaker. */
const opened = new WeakMap<object, { paypal: PayPal | null; users: number }>();

function openPayPal(warn: (message: string) => void): PayPal | null {
  const connection = configuredConnection(env);
  if (connection?.simulated) warn("PAYPAL_URL is not PayPal's: payments are simulated, no money moves.");
  return connection && paypalOf(connection);
}

/** Gives a service `this.till`. List it before redisMixin and ormMixin: the last mixin starts first. */
export const tillMixin = mixin<Host<WithTill>>()({
  started() {
    const entry = opened.get(this.broker) ?? { paypal: openPayPal((message) => this.logger.warn(message)), users: 0 };
    opened.set(this.broker, entry);
    entry.users++;
    const { paypal } = entry;
    const missing = "Payments need PAYPAL_CLIENT_ID and PAYPAL_CLIENT_SECRET, which are not set on this node.";
    this.till = {
      db: this.db,
      redis: this.redis,
      secret: env.CLUSTER_SECRET,
      publicUrl: publicUrl(env),
      paypal: () => (paypal ? Promise.resolve(paypal) : Promise.reject(errors.unavailable(missing))),
    };
  },
  stopped() {
    const entry = opened.get(this.broker);
    if (!entry || --entry.users > 0) return;
    opened.delete(this.broker);
    entry.paypal?.connection.close();
  },
});
