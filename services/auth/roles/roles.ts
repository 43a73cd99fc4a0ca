import { isBuiltIn, roles as builtIn, type Permission } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { Rule } from "../../../config/rules.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import type { Policy } from "../../../mixins/policy/policy.ts";
import { ruleFaults } from "./check.ts";
import { roleOf } from "./grant.ts";
import { mustHold } from "./hold.ts";

export interface ShownRole {
  name: string;
  description: string;
  permissions: readonly Permission[];
  rules: Rule[];
  /** Whether every organisation has it; such a role can't be changed. */
  builtIn: boolean;
}

export interface NewRole {
  name: string;
  description?: string | undefined;
  permissions: Permission[];
  rules?: Rule[] | undefined;
}

const descriptions: Record<keyof typeof builtIn, string> = {
  owner: "May do everything.",
  admin: "May do everything but what concerns the organisation as a whole.",
  member: "Sees everything but the audit log, and syncs.",
  viewer: "Sees what members see, but for API keys.",
  billing: "Pays and refunds; sees nothing of the assets.",
  operator: "Looks after syncs and notifications; sees nothing of the payments.",
};

/** Nobody has more of their own. */
const mostRoles = 100;

/** All roles of an organisation: those that every one has, then its own by name. */
export async function listRoles(em: Em, tenantId: string): Promise<ShownRole[]> {
  const own = await rows<Omit<ShownRole, "builtIn">>(
    em,
    `select name, description, permissions, rules from auth.roles where tenant_id = ? order by name`,
    [tenantId],
  );
  const common = Object.entries(builtIn).map(([name, permissions]) => {
    return { name, description: descriptions[name as keyof typeof builtIn], permissions, rules: [], builtIn: true };
  });
  return [...common, ...own.map((role) => ({ ...role, builtIn: false }))];
}

/** @throws VALIDATION_FAILED, PERMISSION_NOT_HELD, CONFLICT when the name is taken or there are too many */
export async function createRole(em: Em, by: Policy, tenantId: string, role: NewRole): Promise<ShownRole> {
  const { name, description = "", permissions, rules = [] } = checked(by, role);
  if (isBuiltIn(name)) throw errors.conflict(`Every organisation has a role "${name}"; choose another name.`, { role: name });
  const made = await row(
    em,
    `insert into auth.roles (tenant_id, name, description, permissions, rules)
     select ?, ?, ?, array(select jsonb_array_elements_text(?::jsonb)), ?::jsonb
     where (select count(*) from auth.roles where tenant_id = ?) < ${mostRoles} on conflict do nothing returning name`,
    [tenantId, name, description, JSON.stringify(permissions), JSON.stringify(rules), tenantId],
  );
  if (!made) throw errors.conflict(`There is a role "${name}" already, or there are ${mostRoles} roles.`, { role: name });
  return { name, description, permissions, rules, builtIn: false };
}

/** Changes what is given; who has the role has it changed at once. @throws ROLE_NOT_FOUND, VALIDATION_FAILED, PERMISSION_NOT_HELD */
export async function changeRole(em: Em, by: Policy, tenantId: string, change: Partial<NewRole> & { name: string }): Promise<ShownRole> {
  const { name } = change;
  if (isBuiltIn(name)) throw errors.conflict(`Every organisation has the role "${name}"; it can't be changed. Define one of your own.`);
  const before = await roleOf(em, tenantId, name);
  mustHold(by, before.permissions, "A role can't be changed that gives");
  const { permissions, rules = [] } = checked(by, { ...before, permissions: [...before.permissions], ...given(change), name });
  const changed = await row<{ description: string }>(
    em,
    `update auth.roles set description = coalesce(?, description), permissions = array(select jsonb_array_elements_text(?::jsonb)),
            rules = ?::jsonb, updated_at = now() where tenant_id = ? and name = ? returning description`,
    [change.description ?? null, JSON.stringify(permissions), JSON.stringify(rules), tenantId, name],
  );
  return { name, description: changed!.description, permissions, rules, builtIn: false };
}

/** @throws ROLE_NOT_FOUND, CONFLICT while somebody has it or is invited to it */
export async function removeRole(em: Em, by: Policy, tenantId: string, name: string): Promise<void> {
  if (isBuiltIn(name)) throw errors.conflict(`Every organisation has the role "${name}"; it can't be removed.`, { role: name });
  mustHold(by, (await roleOf(em, tenantId, name)).permissions, "A role can't be removed that gives");
  const used = await row<{ count: number }>(
    em,
    `select ((select count(*) from auth.memberships where tenant_id = ? and role = ?)
           + (select count(*) from auth.service_accounts where tenant_id = ? and role = ?)
           + (select count(*) from auth.invitations where tenant_id = ? and role = ? and accepted_at is null and revoked_at is null and expires_at > now()))::int as count`,
    [tenantId, name, tenantId, name, tenantId, name],
  );
  if (used?.count)
    throw errors.conflict(`${used.count} members, service accounts or invitations have this role; give them another one first.`);
  await em.execute(`delete from auth.roles where tenant_id = ? and name = ?`, [tenantId, name], "run");
}

const given = <T extends object>(change: T) => Object.fromEntries(Object.entries(change).filter(([, value]) => value !== undefined)) as T;

function checked(by: Policy, role: NewRole): NewRole {
  const permissions = [...new Set(role.permissions)];
  const faults = ruleFaults(role.rules ?? [], permissions);
  if (faults.length) throw errors.invalid(faults);
  mustHold(by, permissions, "A role can't give");
  return { ...role, permissions };
}
