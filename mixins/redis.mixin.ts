import { env } from "../config/env.ts";
import { messageOf } from "../config/errors.ts";
import { mixin, type Host } from "../config/service.ts";
import { openRedis, type Redis } from "./redis.ts";

export interface WithRedis {
  redis: Redis;
}

/** Connections of a broker: several services on a node share one. */
const opened = new WeakMap<object, { redis: Redis; users: number }>();

/** Gives a service `this.redis`. A node starts without Redis too and goes on looking for it. */
export const redisMixin = mixin<Host<WithRedis>>()({
  async started() {
    const entry = opened.get(this.broker) ?? { redis: openRedis(env.REDIS_URL, this.broker.namespace), users: 0 };
    opened.set(this.broker, entry);
    this.redis = entry.redis;
    if (entry.users++ > 0) return;
    await entry.redis.connect().catch((error: unknown) => this.logger.warn(`Redis can't be reached: ${messageOf(error)}`));
  },
  stopped() {
    const entry = opened.get(this.broker);
    if (!entry || --entry.users > 0) return;
    opened.delete(this.broker);
    entry.redis.disconnect();
  },
});
