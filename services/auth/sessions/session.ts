import { v7 as uuidv7 } from "uuid";
import { env } from "../../../config/env.ts";
import type { Client, Session } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { Grant } from "../../../config/rules.ts";
import { recordAct } from "../../../mixins/act.ts";
import { epoch, row, type Database, type Em } from "../../../mixins/database.ts";
import type { Redis } from "../../../mixins/redis.ts";
import type { Issuer } from "../issuer.ts";
import { secondFactorOf } from "../mfa/standing.ts";
import { grantToPerson } from "../membership.ts";
import { remember } from "./presence.ts";
import { makeRefreshToken, tokenHash } from "./refreshtoken.ts";

/** What signing in, going on and signing out work with. */
export interface SessionWorks {
  db: Database;
  redis: Redis;
  issuer: Issuer;
}

export const tokenSeconds = 600;

export interface Device extends Client {
  /** As its owner calls it. */
  name?: string | undefined;
}

export interface SessionTokens {
  /** For `Authorization: Bearer`, and until when. */
  token: string;
  expiresAt: string;
  /** Good for one `auth.refresh`, which answers with the next. */
  refreshToken: string;
  refreshExpiresAt: string;
  sessionId: string;
  tenantId: string;
}

export interface NewSession {
  userId: string;
  tenantId: string;
  /** RFC 8176: "pwd", "otp", "hwk", … */
  methods: string[];
  device: Device;
}

/**
 * Signs a person in to an organisation: whoever has proved who they are, by whatever means, gets a session here.
 * @throws FORBIDDEN for who is no member or not active
 */
export async function openSession(works: SessionWorks, { userId, tenantId, methods, device }: NewSession): Promise<SessionTokens> {
  const sessionId = uuidv7();
  const refreshToken = makeRefreshToken(env.CLUSTER_SECRET, { sessionId, generation: 1 });
  const opened = await works.db.system(async (em) => {
    // Before the row is held for sharing: two that hold it so and then change it would wait for each other.
    await em.execute(`update auth.users set last_login_at = now() where id = ?`, [userId], "run");
    const grant = await grantToPerson(em, { tenantId, userId });
    if (!grant) throw errors.forbidden("This account is not active in this organisation; ask its owner.");
    const stored = await row<{ at: number; expiresAt: number }>(
      em,
      `insert into auth.sessions (id, user_id, tenant_id, methods, device, user_agent, address, expires_at, token_hash)
       values (?, ?, ?, array(select jsonb_array_elements_text(?::jsonb)), ?, ?, ?, now() + ? * interval '1 hour', ?)
       returning ${epoch("now()")} as at, ${epoch("expires_at")} as "expiresAt"`,
      [
        sessionId,
        userId,
        tenantId,
        JSON.stringify(methods),
        device.name ?? null,
        device.userAgent ?? null,
        device.address ?? null,
        env.SESSION_HOURS,
        tokenHash(refreshToken),
      ],
    );
    const object = `session:${sessionId}`;
    await recordAct(em, "auth", {
      action: "session.opened",
      outcome: "allowed",
      tenantId,
      actor: `user:${userId}`,
      userId,
      object,
      details: { methods },
    });
    const session = await claimsOf(em, { id: sessionId, userId, methods, authenticatedAt: stored!.at }, tenantId);
    return { ...stored!, grant, session };
  });
  await remember(works.redis, sessionId, opened.at, opened.expiresAt);
  const access = await accessToken(works.issuer, { userId, tenantId, ...opened });
  return { ...access, refreshToken, refreshExpiresAt: new Date(opened.expiresAt).toISOString(), sessionId, tenantId };
}

/** What a person's token is made of. */
export interface Access {
  userId: string;
  tenantId: string;
  grant: Grant;
  session: Session;
  /** When the grant was read, in milliseconds since 1970 by the database's clock: what is revoked later covers the token. */
  at: number;
}

/** A person's token within a session. */
export async function accessToken(issuer: Issuer, { userId, tenantId, grant, session, at }: Access) {
  const principal = { tenantId, userId, subject: `user:${userId}`, permissions: grant.permissions, policyVersion: grant.version, session };
  return await issuer.issue(principal, tokenSeconds, at);
}

/**
 * Another token of a session that lasts, for an organisation that its person belongs to; the session works for that one from then on.
 * @throws SESSION_ENDED, FORBIDDEN
 */
export async function switchOrganisation(works: SessionWorks, sessionId: string, tenantId: string) {
  const access = await works.db.system(async (em) => {
    const session = await liveSession(em, sessionId);
    const grant = await grantToPerson(em, { tenantId, userId: session.userId });
    if (!grant) throw errors.forbidden("You are not a member of this organisation.");
    await em.execute(`update auth.sessions set tenant_id = ? where id = ?`, [tenantId, sessionId], "run");
    return { userId: session.userId, tenantId, grant, session: await claimsOf(em, session, tenantId), at: session.at };
  });
  return await accessToken(works.issuer, access);
}

export interface LiveSession {
  id: string;
  userId: string;
  tenantId: string;
  methods: string[];
  authenticatedAt: number;
  expiresAt: number;
  /** When it was read, by the database's clock. */
  at: number;
}

/** A session that lasts, held until the transaction ends. @throws SESSION_ENDED */
export async function liveSession(em: Em, sessionId: string): Promise<LiveSession> {
  const session = await row<LiveSession>(
    em,
    `select id, user_id as "userId", tenant_id as "tenantId", to_json(methods) as methods, ${epoch("authenticated_at")} as "authenticatedAt",
            ${epoch("expires_at")} as "expiresAt", ${epoch("now()")} as at
     from auth.sessions where id = ? and ended_at is null and expires_at > now() for update`,
    [sessionId],
  );
  if (!session) throw errors.sessionEnded("This session has ended; sign in again.");
  return session;
}

/** What a token for that organisation says of its session. */
export async function claimsOf(
  em: Em,
  { id, userId, methods, authenticatedAt }: Pick<LiveSession, "id" | "userId" | "methods" | "authenticatedAt">,
  tenantId: string,
): Promise<Session> {
  const secondFactor = await secondFactorOf(em, { userId, tenantId });
  return { id, methods, authenticatedAt: Math.floor(authenticatedAt / 1000), ...(secondFactor && { secondFactor }) };
}
