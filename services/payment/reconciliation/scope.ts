import { platform } from "../../../config/permissions.ts";
import { bulk, type Database } from "../../../mixins/database.ts";
import type { TransactionView } from "../gateway/search.ts";
import { readCustom } from "../webhooks/resource.ts";
import { sharesPlatform } from "./accounts.ts";
import { alongReferences } from "./named.ts";
import { oursOf } from "./ours.ts";

/** The organisations that transactions name, themselves or by what they refer to. */
const tenantsOf = (transactions: readonly TransactionView[]) =>
  alongReferences(transactions, ({ custom }) => (custom === null ? undefined : readCustom(custom)?.tenantId));

/**
 * Which transactions of an account that several organisations share are one's own: those that name it, and those that name nobody and
 * belong to something it has. What is nobody's is the platform's, and what names somebody who never looks there, so that no money is left out.
 */
export async function within(db: Database, tenantId: string, transactions: readonly TransactionView[]): Promise<TransactionView[]> {
  const tenants = tenantsOf(transactions);
  if (tenantId !== platform) {
    const { named } = await db.tenant(tenantId, (em) => oursOf(em, tenantId, transactions));
    return transactions.filter((one) => (tenants.get(one) ?? (named.has(one) ? tenantId : null)) === tenantId);
  }
  return await db.system(async (em) => {
    const { named } = await oursOf(em, null, transactions);
    const known = await bulk<{ id: string }>(
      em,
      `select tenant_id as id from payment.reconciliations r where tenant_id = any($1::uuid[]) and ${sharesPlatform("r.tenant_id")}`,
      [[...new Set(tenants.values())]],
    );
    const theirs = new Set(known.map(({ id }) => id));
    return transactions.filter((one) => {
      const tenant = tenants.get(one);
      return tenant === undefined ? !named.has(one) : !theirs.has(tenant);
    });
  });
}
