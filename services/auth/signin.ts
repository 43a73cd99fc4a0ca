import { errors } from "../../config/errors.ts";
import { organisationsOf, type OrganisationOf } from "./membership.ts";
import { openSession, type NewSession, type SessionTokens, type SessionWorks } from "./sessions/session.ts";

export interface SignedIn extends SessionTokens {
  /** All that the person belongs to. */
  organisations: OrganisationOf[];
}

/**
 * The end of every way to sign in: chooses the organisation, the asked one or else the one joined first, and opens a session there.
 * @throws FORBIDDEN for who proved to be somebody but may not enter
 */
export async function signIn(
  works: SessionWorks,
  { tenantId, ...rest }: Omit<NewSession, "tenantId"> & { tenantId?: string | undefined },
): Promise<SignedIn> {
  const organisations = await works.db.system((em) => organisationsOf(em, rest.userId));
  const chosen = organisations.find((organisation) => tenantId === undefined || organisation.tenantId === tenantId);
  if (!chosen) throw errors.forbidden("You are not a member of this organisation.", { organisations });
  return { ...(await openSession(works, { ...rest, tenantId: chosen.tenantId })), organisations };
}
