import type { Revocation } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import type { Redis } from "../../../mixins/redis.ts";
import { recordRevocation } from "../revocations.ts";
import { removeRecords } from "../oidc/removal.ts";
import { forget } from "./presence.ts";

export type EndReason = "signed_out" | "revoked" | "password" | "reuse" | "idle" | "deactivated";

/** A session that has just ended, or what a program was given by its person (`sessionId` is null). `revocation` is to be told to every node once the transaction is committed. */
export interface Ended {
  sessionId: string | null;
  userId: string;
  tenantId: string | null;
  revocation: Revocation;
}

const done = `set ended_at = now(), end_reason = ?, previous_hash = null, sealed_child = null`;
const facts = `id as "sessionId", user_id as "userId", tenant_id as "tenantId"`;

/** Ends one session. @returns none when it had ended before */
export async function endSession(em: Em, sessionId: string, reason: EndReason): Promise<Ended[]> {
  const sql = `update auth.sessions ${done} where id = ? and ended_at is null returning ${facts}`;
  return await revoked(em, await rows(em, sql, [reason, sessionId]));
}

/** Ends a session of this person; a repeat changes nothing. @throws SESSION_NOT_FOUND, also for another person's */
export async function revokeSession(db: Database, userId: string, sessionId: string): Promise<Ended[]> {
  return await db.system(async (em) => {
    const mine = await row(em, `select 1 from auth.sessions where id = ? and user_id = ?`, [sessionId, userId]);
    if (!mine) throw errors.sessionNotFound("There is no such session.", { id: sessionId });
    return await endSession(em, sessionId, "revoked");
  });
}

/** Ends all sessions of a person, in every organisation or in one, but for `except`. When it is really all, what programs were given by them ends too. */
export async function endSessions(
  em: Em,
  userId: string,
  reason: EndReason,
  { tenantId, except }: { tenantId?: string; except?: string } = {},
): Promise<Ended[]> {
  const sql = `update auth.sessions ${done}
     where user_id = ? and ended_at is null and tenant_id = coalesce(?::uuid, tenant_id) and id is distinct from ?::uuid returning ${facts}`;
  const ended = await revoked(em, await rows(em, sql, [reason, userId, tenantId ?? null, except ?? null]));
  if (tenantId !== undefined || except !== undefined) return ended;
  const revocations = await removeRecords(em, "user_id", userId);
  return [...ended, ...revocations.map((revocation) => ({ sessionId: null, userId, tenantId: null, revocation }))];
}

/** Tells every node of sessions that have ended; call it once that is committed. */
export async function tellEnded(via: Teller, redis: Redis, ended: Ended[]): Promise<void> {
  await Promise.all(ended.map(({ revocation }) => via.broadcast("credential.revoked", revocation)));
  await forget(
    redis,
    ended.flatMap(({ sessionId }) => sessionId ?? []),
  );
}

interface Teller {
  broadcast(event: string, data: Revocation): Promise<unknown>;
}

async function revoked(em: Em, sessions: Omit<Ended, "revocation">[]): Promise<Ended[]> {
  const ended: Ended[] = [];
  for (const session of sessions) {
    const revocation = await recordRevocation(em, { tenantId: null, subject: `session:${session.sessionId}` });
    ended.push({ ...session, revocation });
  }
  return ended;
}
