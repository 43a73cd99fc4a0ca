import { hash, timingSafeEqual } from "node:crypto";
import { env } from "../../../config/env.ts";
import type { Client, Session } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { Grant } from "../../../config/rules.ts";
import { recordAct } from "../../../mixins/act.ts";
import { epoch, row, type Em } from "../../../mixins/database.ts";
import { grantToPerson } from "../membership.ts";
import { endSession, type Ended } from "./end.ts";
import { lastSeen, remember } from "./presence.ts";
import { makeRefreshToken, openChild, parseRefreshToken, sealChild, tokenHash } from "./refreshtoken.ts";
import { accessToken, claimsOf, type LiveSession, type SessionTokens, type SessionWorks } from "./session.ts";

/** How long a client that did not get the answer may ask again with the token it has. */
export const graceSeconds = 30;

interface Family extends LiveSession {
  endReason: string | null;
  over: boolean;
  lastSeenAt: number;
  generation: number;
  tokenHash: Buffer;
  previousHash: Buffer | null;
  sealedChild: Buffer | null;
  rotatedFor: Buffer | null;
  inGrace: boolean;
}

/** What the database said, before anything is answered: an end has to be committed although the caller is refused. */
type Outcome =
  { go: { refreshToken: string; grant: Grant; session: Session; family: Family } } | { refused: Error; ended?: Ended[]; theft?: boolean };

/**
 * Takes a refresh token and gives the next one with an access token. The same client gets the same next token again when it asks again within
 * the grace, be it for a lost answer or from a second tab; any other use of a used token ends the session.
 * @param onEnd told of the session when it ended by this, once that is committed
 * @throws REFRESH_TOKEN_INVALID, REFRESH_TOKEN_REUSED, SESSION_ENDED, FORBIDDEN
 */
export async function refreshSession(
  works: SessionWorks,
  token: string,
  client: Client,
  onEnd: (ended: Ended[], theft: boolean) => Promise<unknown>,
): Promise<SessionTokens> {
  const parsed = parseRefreshToken(env.CLUSTER_SECRET, token);
  if (!parsed) throw errors.refreshInvalid("This is no refresh token of this platform.");
  const [seen] = await lastSeen(works.redis, [parsed.sessionId]);
  const outcome = await works.db.system((em) => decide(em, token, parsed.sessionId, client, seen));
  if ("refused" in outcome) {
    if (outcome.ended) await onEnd(outcome.ended, outcome.theft === true);
    throw outcome.refused;
  }
  const { refreshToken, grant, session, family } = outcome.go;
  await remember(works.redis, family.id, family.at, family.expiresAt);
  const { userId, tenantId, at } = family;
  const access = await accessToken(works.issuer, { userId, tenantId, grant, session, at });
  return { ...access, refreshToken, refreshExpiresAt: new Date(family.expiresAt).toISOString(), sessionId: family.id, tenantId };
}

async function decide(em: Em, token: string, sessionId: string, client: Client, seen: number | undefined): Promise<Outcome> {
  const family = await familyOf(em, sessionId);
  if (!family) return { refused: errors.refreshInvalid("The session of this refresh token is no longer known.") };
  if (family.over)
    return { refused: errors.sessionEnded("This session has ended; sign in again.", { reason: family.endReason ?? "expired" }) };
  const hashed = tokenHash(token);
  const newest = timingSafeEqual(hashed, family.tokenHash);
  const retry = !newest && family.inGrace && family.previousHash?.equals(hashed) && family.rotatedFor?.equals(clientHash(client));
  if (!newest && !retry) {
    const ended = await endSession(em, family.id, "reuse");
    const { userId, tenantId } = family;
    const object = `session:${family.id}`;
    await recordAct(em, "auth", {
      action: "session.token_reused",
      outcome: "refused",
      code: "REFRESH_TOKEN_REUSED",
      tenantId,
      userId,
      object,
    });
    const refused = errors.refreshReused(
      "This refresh token was used before. Somebody else may have it, so the session has ended; sign in again.",
    );
    return { refused, ended, theft: true };
  }
  if (family.at - Math.max(family.lastSeenAt, seen ?? 0) > env.SESSION_IDLE_HOURS * 3_600_000) {
    const ended = await endSession(em, family.id, "idle");
    return { refused: errors.sessionEnded("This session was not used for too long; sign in again.", { reason: "idle" }), ended };
  }
  const grant = await grantToPerson(em, family);
  if (!grant) return { refused: errors.forbidden("You are no longer a member of this organisation, or your account is not active.") };
  const refreshToken = newest ? await rotate(em, family, token, client) : openChild(token, family.sealedChild!);
  return { go: { refreshToken, grant, session: await claimsOf(em, family, family.tenantId), family } };
}

const familyOf = (em: Em, sessionId: string): Promise<Family | undefined> =>
  row<Family>(
    em,
    `select id, user_id as "userId", tenant_id as "tenantId", to_json(methods) as methods, ${epoch("authenticated_at")} as "authenticatedAt",
            ${epoch("expires_at")} as "expiresAt", ${epoch("now()")} as at, ${epoch("last_seen_at")} as "lastSeenAt",
            ended_at is not null or expires_at <= now() as over, end_reason as "endReason", generation, token_hash as "tokenHash",
            previous_hash as "previousHash", sealed_child as "sealedChild", rotated_for as "rotatedFor",
            coalesce(rotated_at > now() - ? * interval '1 second', false) as "inGrace"
     from auth.sessions where id = ? for update`,
    [graceSeconds, sessionId],
  );

async function rotate(em: Em, { id, generation }: Family, parent: string, client: Client): Promise<string> {
  const child = makeRefreshToken(env.CLUSTER_SECRET, { sessionId: id, generation: generation + 1 });
  await em.execute(
    `update auth.sessions set generation = generation + 1, previous_hash = token_hash, token_hash = ?, sealed_child = ?, rotated_at = now(),
            rotated_for = ?, last_seen_at = now(), address = coalesce(?, address), user_agent = coalesce(?, user_agent)
     where id = ?`,
    [tokenHash(child), sealChild(parent, child), clientHash(client), client.address ?? null, client.userAgent ?? null, id],
    "run",
  );
  return child;
}

const clientHash = ({ address = "", userAgent = "" }: Client): Buffer => hash("sha256", `${address}\n${userAgent}`, "buffer");
