import { hash } from "node:crypto";
import { env } from "../../../config/env.ts";
import { helpful, type Redis } from "../../../mixins/redis.ts";

/**
 * When a session was last seen, kept in Redis under the hash of its id, so that whoever reads Redis learns no session's. A key ends with the
 * session: when it has been idle for too long, or at its latest end. PostgreSQL has the same as of the last refresh, for when Redis is away.
 */
const keyOf = (sessionId: string) => `session:${hash("sha256", sessionId, "base64url")}`;
const idleMs = () => env.SESSION_IDLE_HOURS * 3_600_000;

/** @param at milliseconds since 1970 */
export async function remember(redis: Redis, sessionId: string, at: number, expiresAt: number): Promise<void> {
  const left = Math.floor(Math.min(idleMs(), expiresAt - at));
  if (left > 0) await helpful(redis.set(keyOf(sessionId), String(Math.floor(at)), "PX", left));
}

export async function forget(redis: Redis, sessionIds: string[]): Promise<void> {
  if (sessionIds.length) await helpful(redis.del(sessionIds.map(keyOf)));
}

/** When each was last seen, in milliseconds since 1970; undefined where Redis does not know. */
export async function lastSeen(redis: Redis, sessionIds: string[]): Promise<(number | undefined)[]> {
  if (!sessionIds.length) return [];
  const found = await helpful(redis.mget(sessionIds.map(keyOf)));
  return sessionIds.map((_id, i) => (found?.[i] ? Number(found[i]) : undefined));
}
