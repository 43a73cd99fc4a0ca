import { Redis, type RedisOptions } from "ioredis";
import { errors } from "../config/errors.ts";

export type { Redis };

/** A command that is not answered within this time counts as lost. */
const commandMs = 1_000;

/**
 * A connection whose commands fail at once while Redis is away instead of waiting for it, and are never sent twice: what counts would count
 * double. It comes back by itself. Keys begin with the cluster's namespace: clusters may share a Redis.
 */
export function openRedis(url: string, namespace: string, options: RedisOptions = {}): Redis {
  const redis = new Redis(url, {
    keyPrefix: `${namespace}:`,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    commandTimeout: commandMs,
    connectTimeout: 2_000,
    retryStrategy: (tries) => Math.min(2_000, 50 * 2 ** Math.min(tries, 6)),
    lazyConnect: true,
    ...options,
  });
  // Without a listener ioredis prints every refused connection; whoever sends a command learns of it.
  redis.on("error", () => undefined);
  return redis;
}

/** Does work that can't be done without Redis. @throws SERVICE_UNAVAILABLE while it is away */
export async function needed<T>(work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    if (isReply(error)) throw error;
    throw errors.unavailable("Redis can't be reached just now.", undefined, error);
  }
}

/** Does work that may fail while Redis is away; PostgreSQL has the record. @returns undefined when it failed */
export async function helpful<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (isReply(error)) throw error;
    return undefined;
  }
}

/** An answer of Redis itself, e.g. that a script is wrong; but a server that loads its data or lost its master is away. */
const isReply = (error: unknown): boolean =>
  (error as Error).name === "ReplyError" && !/^(LOADING|MASTERDOWN|READONLY|CLUSTERDOWN|MISCONF)/.test((error as Error).message);
