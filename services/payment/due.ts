import { rows } from "../../mixins/database.ts";
import type { Till } from "./till.ts";

type Table = "payments" | "refunds" | "captures" | "authorizations" | "subscriptions" | "plans" | "paypal_invoices";

/** Nothing more is begun after so long: what has become due meanwhile is not to wait for an organisation whose PayPal is slow. */
const roundMs = 10_000;

/**
 * Works on what is due in a table: one after the other for each organisation, all of them at the same time, so that one whose PayPal hangs or
 * whose credentials are gone holds up nobody else. Each gets its first turn before any gets a second.
 * @param signal ends it after the rows that are being worked on
 * @returns how many were worked on
 * @throws the first failure, after all were worked on
 */
export async function sweepDue(
  { db }: Pick<Till, "db">,
  table: Table,
  limit: number,
  work: (id: string) => Promise<unknown>,
  signal?: AbortSignal,
): Promise<number> {
  const due = await db.system((em) =>
    rows<{ id: string; tenantId: string }>(
      em,
      `select id, tenant_id as "tenantId" from (
         select id, tenant_id, next_check_at, row_number() over (partition by tenant_id order by next_check_at) as turn from payment.${table}
         where next_check_at <= now() and (claimed_until is null or claimed_until < now())
       ) due order by turn, next_check_at limit ?`,
      [limit],
    ),
  );
  const until = Date.now() + roundMs;
  const failures: unknown[] = [];
  let count = 0;
  const lane = async (ids: string[]) => {
    for (const id of ids) {
      if (signal?.aborted || Date.now() > until) return;
      count++;
      await work(id).catch((error: unknown) => failures.push(error));
    }
  };
  const byTenant = Map.groupBy(due, ({ tenantId }) => tenantId);
  await Promise.all([...byTenant.values()].map((its) => lane(its.map(({ id }) => id))));
  if (failures.length) throw failures[0];
  return count;
}
