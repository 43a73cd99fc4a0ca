import { errors } from "../../config/errors.ts";
import { askFactor } from "./mfa/ask.ts";
import { organisationsOf, type OrganisationOf } from "./membership.ts";
import { openSession, type NewSession, type SessionTokens, type SessionWorks } from "./sessions/session.ts";

export interface SignedIn extends SessionTokens {
  /** All that the person belongs to. */
  organisations: OrganisationOf[];
}

/**
 * The end of every way to sign in: asks for the second factor of who has one and has not shown it, chooses the organisation, the asked one or else the one joined first, and opens a session there.
 * @throws SECOND_FACTOR_NEEDED with what auth.mfa.prove takes (`FactorAsked`); FORBIDDEN for who proved to be somebody but may not enter
 */
export async function signIn(
  works: SessionWorks,
  { tenantId, ...rest }: Omit<NewSession, "tenantId"> & { tenantId?: string | undefined },
): Promise<SignedIn> {
  if (!rest.methods.includes("mfa")) {
    const asked = await askFactor(works.db, "sign-in", rest.userId, { tenantId, methods: rest.methods, device: rest.device.name });
    if (asked)
      throw errors.secondFactorNeeded("Show your second factor, too: answer the token at /api/v1/auth/second-factor.", { ...asked });
  }
  const organisations = await works.db.system((em) => organisationsOf(em, rest.userId));
  const chosen = organisations.find((organisation) => tenantId === undefined || organisation.tenantId === tenantId);
  if (!chosen) throw errors.forbidden("You are not a member of this organisation.", { organisations });
  return { ...(await openSession(works, { ...rest, tenantId: chosen.tenantId })), organisations };
}
