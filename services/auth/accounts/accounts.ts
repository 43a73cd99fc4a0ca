import { errors } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";
import type { Policy } from "../../../mixins/policy/policy.ts";
import { roleOf } from "../roles/grant.ts";
import { mustHold } from "../roles/hold.ts";

/** A program of an organisation. Times are ISO 8601. */
export interface ShownAccount {
  id: string;
  name: string;
  description: string;
  role: string;
  createdBy: string | null;
  createdAt: string;
  /** Since when its keys are refused. */
  disabledAt: string | null;
  /** Keys that are not revoked. */
  keys: number;
}

/** Nobody has more. */
const mostAccounts = 500;

const columns = `a.id, a.name, a.description, a.role, a.created_by as "createdBy", ${isoTime("a.created_at")} as "createdAt",
  ${isoTime("a.disabled_at")} as "disabledAt",
  (select count(*) from auth.api_keys k where k.account_id = a.id and k.revoked_at is null)::int as keys`;

/** All service accounts of an organisation, by name. */
export const listAccounts = (em: Em, tenantId: string): Promise<ShownAccount[]> =>
  rows(em, `select ${columns} from auth.service_accounts a where a.tenant_id = ? order by a.name`, [tenantId]);

/** @throws SERVICE_ACCOUNT_NOT_FOUND, also for another organisation's */
export async function accountById(em: Em, tenantId: string, id: string): Promise<ShownAccount> {
  const found = await row<ShownAccount>(em, `select ${columns} from auth.service_accounts a where a.tenant_id = ? and a.id = ?`, [
    tenantId,
    id,
  ]);
  if (!found) throw errors.accountNotFound("There is no such service account.", { id });
  return found;
}

interface Wish {
  name: string;
  description?: string | undefined;
  role: string;
}

/** @throws ROLE_NOT_FOUND, PERMISSION_NOT_HELD, CONFLICT when the name is taken or there are too many */
export async function createAccount(
  em: Em,
  by: Policy,
  { tenantId, userId }: { tenantId: string; userId: string | null },
  { name, description = "", role }: Wish,
): Promise<ShownAccount> {
  mustHold(by, (await roleOf(em, tenantId, role)).permissions, "A service account can't be given a role that has");
  const made = await row<{ id: string }>(
    em,
    `insert into auth.service_accounts (tenant_id, name, description, role, created_by) select ?, ?, ?, ?, ?
     where (select count(*) from auth.service_accounts where tenant_id = ?) < ${mostAccounts} on conflict do nothing returning id`,
    [tenantId, name, description, role, userId, tenantId],
  );
  if (!made) throw errors.conflict(`There is a service account "${name}" already, or there are ${mostAccounts} of them.`, { name });
  return await accountById(em, tenantId, made.id);
}

/** Changes what is given; its keys follow at once. @throws SERVICE_ACCOUNT_NOT_FOUND, ROLE_NOT_FOUND, PERMISSION_NOT_HELD, CONFLICT */
export async function changeAccount(
  em: Em,
  by: Policy,
  tenantId: string,
  { id, name, description, role, disabled }: Partial<Wish> & { id: string; disabled?: boolean | undefined },
): Promise<ShownAccount> {
  const before = await accountById(em, tenantId, id);
  mustHold(by, (await roleOf(em, tenantId, before.role)).permissions, "A service account can't be changed whose role has");
  if (role !== undefined) mustHold(by, (await roleOf(em, tenantId, role)).permissions, "A service account can't be given a role that has");
  const taken =
    name !== undefined &&
    (await row(em, `select 1 from auth.service_accounts where tenant_id = ? and name = ? and id <> ?`, [tenantId, name, id]));
  if (taken) throw errors.conflict(`A service account is called "${name}" already.`, { name });
  await em.execute(
    `update auth.service_accounts set name = coalesce(?, name), description = coalesce(?, description), role = coalesce(?, role),
            disabled_at = case when ?::boolean then coalesce(disabled_at, now()) when not ?::boolean then null else disabled_at end
     where tenant_id = ? and id = ?`,
    [name ?? null, description ?? null, role ?? null, disabled ?? null, disabled ?? null, tenantId, id],
    "run",
  );
  return await accountById(em, tenantId, id);
}

/** Removes a service account and revokes its keys for good. @throws SERVICE_ACCOUNT_NOT_FOUND, PERMISSION_NOT_HELD */
export async function removeAccount(em: Em, by: Policy, tenantId: string, id: string): Promise<void> {
  const { role } = await accountById(em, tenantId, id);
  mustHold(by, (await roleOf(em, tenantId, role)).permissions, "A service account can't be removed whose role has");
  await em.execute(
    `update auth.api_keys set revoked_at = coalesce(revoked_at, now()) where tenant_id = ? and account_id = ?`,
    [tenantId, id],
    "run",
  );
  await em.execute(`delete from auth.service_accounts where tenant_id = ? and id = ?`, [tenantId, id], "run");
}
