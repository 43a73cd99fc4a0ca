import { isBuiltIn, permissions as known, roles, type Permission } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { Grant, Rule } from "../../../config/rules.ts";
import { row, type Em } from "../../../mixins/database.ts";

/** A subject's role as it stands now. `scopes` is what a key may do at most; null: all that its role may. */
interface Standing {
  version: number;
  role: string | null;
  userId: string | null;
  scopes: Permission[] | null;
  permissions: Permission[] | null;
  rules: Rule[] | null;
}

/** The role `name` of the tenant `t.tenant_id`, joined to a table `t`. */
const withRole = `join auth.organisations o on o.id = t.tenant_id left join auth.roles r on r.tenant_id = t.tenant_id and r.name = `;
const standing = `o.policy_version as version, r.permissions, r.rules`;

const standings: Record<string, string> = {
  user: `select ${standing}, t.role, t.user_id as "userId", null as scopes from auth.memberships t join auth.users u on u.id = t.user_id and u.is_active
         ${withRole} t.role where t.tenant_id = ? and t.user_id = ?`,
  key: `select ${standing}, a.role, coalesce(t.account_id, t.created_by) as "userId", t.permissions as scopes from auth.api_keys t left join auth.service_accounts a on a.id = t.account_id
        ${withRole} a.role where t.tenant_id = ? and t.id = ? and t.revoked_at is null and (t.expires_at is null or t.expires_at > now())
        and (t.account_id is null or (a.id is not null and a.disabled_at is null))`,
  token: `select ${standing}, m.role, a.user_id as "userId", array(select unnest(a.permissions) intersect select unnest(t.permissions)) as scopes
          from auth.oidc_records a join auth.oauth_clients t on t.id = a.client_id and t.revoked_at is null
          left join (auth.memberships m join auth.users u on u.id = m.user_id and u.is_active) on m.tenant_id = t.tenant_id and m.user_id = a.user_id
          ${withRole} m.role where t.tenant_id = ? and a.key = decode(?, 'hex') and a.expires_at > now() and (a.user_id is null or m.user_id is not null)`,
  account: `select ${standing}, t.role, t.id as "userId", null as scopes from auth.service_accounts t ${withRole} t.role
            where t.tenant_id = ? and t.id = ? and t.disabled_at is null`,
};

/**
 * What a subject may do in an organisation at this moment. The one place that says so: tokens, keys and every called node ask it.
 * @param subject "user:<uuid>", "key:<uuid>", "account:<uuid>" or "token:<hex>", the access token of an OAuth client
 * @throws FORBIDDEN for who has no place in the organisation: no member (any more), a revoked key, a disabled account
 */
export async function grantOf(em: Em, tenantId: string, subject: string): Promise<Grant> {
  const grant = await grantIn(em, tenantId, subject);
  if (!grant) throw errors.forbidden("The caller has no place in this organisation, or not any more.", { subject });
  return grant;
}

/** The same; undefined for who has no place. */
export async function grantIn(em: Em, tenantId: string, subject: string): Promise<Grant | undefined> {
  const [kind = "", id = ""] = subject.split(":");
  const sql = Object.hasOwn(standings, kind) ? standings[kind] : undefined;
  const found = sql && (await row<Standing>(em, sql, [tenantId, id]));
  if (!found) return undefined;
  const { version, role, userId, scopes } = found;
  const { permissions, rules } = role === null ? { permissions: scopes ?? [], rules: [] } : definitionOf(role, found);
  const held = permissions.filter((permission) => known.includes(permission) && (scopes === null || scopes.includes(permission)));
  // Whatever their role, people look after their own sessions and password.
  return { version, role, userId, permissions: kind === "user" ? [...held, "account:manage"] : held, rules };
}

/** What a role says; one that is gone says nothing. */
function definitionOf(role: string, { permissions, rules }: Pick<Standing, "permissions" | "rules">) {
  if (isBuiltIn(role)) return { permissions: roles[role], rules: [] };
  return { permissions: permissions ?? [], rules: rules ?? [] };
}

/** The definition of a role of the organisation. @throws ROLE_NOT_FOUND */
export async function roleOf(em: Em, tenantId: string, name: string): Promise<Pick<Grant, "permissions" | "rules">> {
  if (isBuiltIn(name)) return { permissions: roles[name], rules: [] };
  const found = await row<{ permissions: Permission[]; rules: Rule[] }>(
    em,
    `select permissions, rules from auth.roles where tenant_id = ? and name = ?`,
    [tenantId, name],
  );
  if (!found) throw errors.roleNotFound("There is no such role.", { role: name });
  return found;
}
