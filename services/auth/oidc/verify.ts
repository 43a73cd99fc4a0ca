import type { Principal } from "../../../config/permissions.ts";
import { errors, failureType } from "../../../config/errors.ts";
import type { Grant } from "../../../config/rules.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Verified } from "../apikeys.ts";
import type { Issuer } from "../issuer.ts";
import { grantOf } from "../roles/grant.ts";
import { clientOf } from "./clients.ts";
import type { Records } from "./records.ts";

/**
 * Exchanges an access token of the OpenID provider for a claim that holds a minute at most, and not longer than the token. What it may do is said
 * where it is said for everybody, in roles/grant.ts.
 * @throws UNAUTHENTICATED, the same for unknown, revoked and expired tokens, and for those of people who are no members any more
 */
export async function verifyAccessToken(db: Database, records: Records, issuer: Issuer, token: string): Promise<Verified> {
  const record = await records.accessToken(token);
  const client = record && (await clientOf(db, record.clientId));
  if (!client) throw refused();
  const { tenantId } = client;
  const { subject, exp } = record;
  const read = Date.now();
  let grant: Grant;
  try {
    grant = await db.system((em) => grantOf(em, tenantId, subject));
  } catch (error) {
    throw failureType(error) === "FORBIDDEN" ? refused(error) : error;
  }
  const { userId, permissions, version: policyVersion } = grant;
  const principal: Principal = { tenantId, userId, subject, permissions, policyVersion };
  const left = exp - Math.floor(Date.now() / 1000);
  const { token: claim, expiresAt } = await issuer.issue(principal, Math.max(1, Math.min(60, left)), read);
  return { claim, expiresAt, principal, networks: null };
}

const refused = (cause?: unknown) =>
  errors.unauthenticated("The access token is not valid: it is unknown, revoked or expired.", undefined, cause);
