import { errors } from "../../../config/errors.ts";
import { recordAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import type { Issued } from "../issuer.ts";
import { grantToPerson } from "../membership.ts";
import { accessToken, claimsOf, liveSession, type Access, type SessionWorks } from "./session.ts";

/**
 * Notes in the caller's transaction that the person of a session has proved again who they are.
 * @returns what the fresher token is made of
 * @throws SESSION_ENDED, FORBIDDEN for who is no member or not active any more
 */
export async function freshen(em: Em, sessionId: string, tenantId: string, methods: string[]): Promise<Access> {
  const session = await liveSession(em, sessionId);
  const { userId } = session;
  const grant = await grantToPerson(em, { tenantId, userId });
  if (!grant) throw errors.forbidden("You are no longer a member of this organisation, or your account is not active.");
  const all = [...new Set([...session.methods, ...methods])];
  await em.execute(
    `update auth.sessions set methods = array(select jsonb_array_elements_text(?::jsonb)), authenticated_at = now() where id = ?`,
    [JSON.stringify(all), sessionId],
    "run",
  );
  await recordAct(em, "auth", { action: "session.stepped_up", outcome: "allowed", object: `session:${sessionId}`, details: { methods } });
  const claims = await claimsOf(em, { ...session, methods: all, authenticatedAt: session.at }, tenantId);
  return { userId, tenantId, grant, session: claims, at: session.at };
}

/** The token of what `freshen` noted, once that is committed. */
export const fresherToken = (works: SessionWorks, access: Access): Promise<Issued> => accessToken(works.issuer, access);
