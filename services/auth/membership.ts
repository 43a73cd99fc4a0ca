import type { Grant } from "../../config/rules.ts";
import { row, rows, type Em } from "../../mixins/database.ts";
import { grantOf } from "./roles/grant.ts";

export interface OrganisationOf {
  tenantId: string;
  name: string;
  role: string;
}

/** All organisations that a person belongs to, the one joined first before the others. Needs the system's scope. */
export const organisationsOf = (em: Em, userId: string): Promise<OrganisationOf[]> =>
  rows<OrganisationOf>(
    em,
    `select o.id as "tenantId", o.name, m.role from auth.memberships m join auth.organisations o on o.id = m.tenant_id
     where m.user_id = ? order by m.created_at, o.id`,
    [userId],
  );

/**
 * What a person may do in an organisation; undefined for who is no member or not active. The row is held until the transaction ends: who takes
 * the membership away meanwhile waits, and their revocation then covers the token that is made of this.
 */
export async function grantToPerson(em: Em, { tenantId, userId }: { tenantId: string; userId: string }): Promise<Grant | undefined> {
  const found = await row(
    em,
    `select 1 from auth.memberships m join auth.users u on u.id = m.user_id
     where m.tenant_id = ? and m.user_id = ? and u.is_active for share of m, u`,
    [tenantId, userId],
  );
  return found ? await grantOf(em, tenantId, `user:${userId}`) : undefined;
}
