import type { AccountClaims } from "oidc-provider";
import { row, type Database } from "../../../mixins/database.ts";

/** What a client learns of somebody, by the scopes that they agreed to. */
export const claims = {
  openid: ["sub", "org_id", "org_name"],
  profile: ["name", "given_name", "family_name"],
  email: ["email", "email_verified"],
};

/** An active member of an organisation in the words of OpenID Connect Core 1.0, 5.1; undefined for who is none. */
export async function claimsOf(db: Database, tenantId: string, userId: string): Promise<AccountClaims | undefined> {
  const found = await db.tenant(tenantId, (em) =>
    row<{ email: string; verified: boolean; first: string | null; last: string | null; organisation: string }>(
      em,
      `select u.email, u.email_confirmed_at is not null as verified, u.first_name as first, u.last_name as last, o.name as organisation
       from auth.users u join auth.memberships m on m.user_id = u.id join auth.organisations o on o.id = m.tenant_id
       where u.id = ? and m.tenant_id = ? and u.is_active`,
      [userId, tenantId],
    ),
  );
  if (!found) return undefined;
  const { email, verified, first, last, organisation } = found;
  const name = [first, last].filter(Boolean).join(" ");
  return {
    sub: userId,
    org_id: tenantId,
    org_name: organisation,
    email,
    email_verified: verified,
    ...(name && { name }),
    ...(first && { given_name: first }),
    ...(last && { family_name: last }),
  };
}
