import { createHash, createSecretKey, hkdfSync, randomUUID } from "node:crypto";
import { helpful, type Redis } from "../../../mixins/redis.ts";
import { box, unbox } from "../../../mixins/vault/box.ts";

/** A token, and until when it is believed to work; milliseconds since 1970. */
export interface Held {
  token: string;
  until: number;
}

/** What the nodes of a cluster know of an account's token together. Nothing here fails while Redis is away: each node then keeps its own. */
export interface SharedToken {
  /** Null when there is none, or Redis is away. */
  read(): Promise<Held | null>;
  write(held: Held): Promise<void>;
  /** Whether it is this node's turn to ask for one; null when nobody can tell. */
  lock(): Promise<boolean | null>;
  unlock(): Promise<void>;
}

/** Longer than a token request may take. */
const lockMs = 15_000;
const unlocking = `if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0`;

/**
 * The token in Redis, sealed by a key that only nodes can derive: whoever may read Redis can't pay with it.
 * @param account everything that makes the token what it is, the secret included: a new secret has a new token
 */
export function redisToken(redis: Redis, clusterSecret: string, account: readonly string[]): SharedToken {
  const key = createSecretKey(Buffer.from(hkdfSync("sha256", clusterSecret, "", "legendo paypal tokens v1", 32)));
  const name = `paypal:token:${createHash("sha256").update(JSON.stringify(account)).digest("base64url")}`;
  const owner = randomUUID();
  return {
    async read() {
      const sealed = await helpful(redis.getBuffer(name));
      if (!sealed) return null;
      try {
        return JSON.parse(unbox(key, name, sealed, "A shared token").toString()) as Held;
      } catch {
        // Written under another cluster secret, or not by us.
        return null;
      }
    },
    async write(held) {
      const lifeMs = held.until - Date.now();
      if (lifeMs > 0) await helpful(redis.set(name, box(key, name, Buffer.from(JSON.stringify(held))), "PX", Math.ceil(lifeMs)));
    },
    async lock() {
      const answer = await helpful(redis.set(`${name}:lock`, owner, "PX", lockMs, "NX"));
      return answer === undefined ? null : answer === "OK";
    },
    async unlock() {
      await helpful(redis.eval(unlocking, 1, `${name}:lock`, owner));
    },
  };
}
