import type { Page } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import type { Policy } from "../../../mixins/policy/policy.ts";
import { roleOf } from "../roles/grant.ts";
import { mustHold } from "../roles/hold.ts";

/** A person in an organisation. Times are ISO 8601. */
export interface Member {
  userId: string;
  email: string;
  firstName: string | null;
  lastName: string | null;
  role: string;
  /** A person who is not active can't sign in to any organisation. */
  active: boolean;
  joinedAt: string;
  lastLoginAt: string | null;
}

const columns = `u.id as "userId", u.email, u.first_name as "firstName", u.last_name as "lastName", m.role, u.is_active as active,
  ${isoTime("m.created_at")} as "joinedAt", ${isoTime("u.last_login_at")} as "lastLoginAt"`;

/** A page of an organisation's members, by address. */
export async function listMembers(
  em: Em,
  secret: string,
  tenantId: string,
  { limit, cursor: given, role }: { limit: number; cursor?: string | undefined; role?: string | undefined },
): Promise<Page<Member>> {
  const scope = ["members", tenantId, role ?? null];
  const cursor = decodeCursor(secret, scope, given);
  const found = await rows<Member>(
    em,
    `select ${columns} from auth.memberships m join auth.users u on u.id = m.user_id
     where m.tenant_id = ? ${role === undefined ? "" : "and m.role = ?"} ${cursor ? "and u.email > ?" : ""} order by u.email limit ${limit + 1}`,
    [tenantId, ...(role === undefined ? [] : [role]), ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    limit,
    cursor !== undefined,
    (member) => member,
    ({ email }) => encodeCursor(secret, scope, { after: [email] }),
  );
}

/** @throws MEMBER_NOT_FOUND, also for a member of another organisation */
export async function memberById(em: Em, tenantId: string, userId: string): Promise<Member> {
  const found = await row<Member>(
    em,
    `select ${columns} from auth.memberships m join auth.users u on u.id = m.user_id where m.tenant_id = ? and m.user_id = ?`,
    [tenantId, userId],
  );
  if (!found) throw errors.memberNotFound("There is no such member.", { userId });
  return found;
}

/**
 * Gives a member another role. Within changePolicy.
 * @throws MEMBER_NOT_FOUND, ROLE_NOT_FOUND, PERMISSION_NOT_HELD when either role has more than the caller, LAST_OWNER
 */
export async function changeRoleOf(em: Em, by: Policy, tenantId: string, userId: string, role: string): Promise<Member> {
  const member = await memberById(em, tenantId, userId);
  mustHold(by, (await roleOf(em, tenantId, member.role)).permissions, "A member's role can't be taken that has");
  mustHold(by, (await roleOf(em, tenantId, role)).permissions, "A member can't be given a role that has");
  if (role !== "owner") await keepOwner(em, tenantId, member);
  await setRole(em, tenantId, userId, role);
  return { ...member, role };
}

/** Takes a member out of the organisation. Within changePolicy. @throws as changeRoleOf */
export async function removeMember(em: Em, by: Policy, tenantId: string, userId: string): Promise<void> {
  const member = await memberById(em, tenantId, userId);
  mustHold(by, (await roleOf(em, tenantId, member.role)).permissions, "A member can't be removed whose role has");
  await leave(em, tenantId, userId);
}

/** A member leaves. Within changePolicy. @throws LAST_OWNER, MEMBER_NOT_FOUND */
export async function leave(em: Em, tenantId: string, userId: string): Promise<void> {
  await keepOwner(em, tenantId, await memberById(em, tenantId, userId));
  await em.execute(`delete from auth.memberships where tenant_id = ? and user_id = ?`, [tenantId, userId], "run");
}

/** An owner makes another member owner and becomes admin. Within changePolicy. @throws MEMBER_NOT_FOUND, FORBIDDEN for who is no owner */
export async function transferOwnership(em: Em, tenantId: string, from: string, to: string): Promise<Member> {
  if (from === to) throw errors.invalid([{ pointer: "/userId", detail: "must be another member than the caller" }]);
  const owner = await memberById(em, tenantId, from);
  if (owner.role !== "owner") throw errors.forbidden("Only an owner can hand an organisation over.", { role: owner.role });
  const heir = await memberById(em, tenantId, to);
  if (!heir.active) throw errors.conflict("This person's account is not active.", { userId: to });
  await setRole(em, tenantId, to, "owner");
  await setRole(em, tenantId, from, "admin");
  return { ...heir, role: "owner" };
}

const setRole = (em: Em, tenantId: string, userId: string, role: string) =>
  em.execute(`update auth.memberships set role = ? where tenant_id = ? and user_id = ?`, [role, tenantId, userId], "run");

/** @throws LAST_OWNER. No other change of the organisation's policy happens meanwhile: `changePolicy` has its row. */
async function keepOwner(em: Em, tenantId: string, { userId, role }: Member): Promise<void> {
  if (role !== "owner") return;
  const other = await row(
    em,
    `select 1 from auth.memberships m join auth.users u on u.id = m.user_id and u.is_active
     where m.tenant_id = ? and m.role = 'owner' and m.user_id <> ? limit 1`,
    [tenantId, userId],
  );
  if (!other) throw errors.lastOwner("An organisation keeps an active owner: hand it over to another member first.", { userId });
}
