import { rows, type Em } from "../../mixins/database.ts";
import type { Till } from "./till.ts";

export const tables = ["payments", "refunds", "captures", "authorizations", "subscriptions", "plans", "paypal_invoices"] as const;
type Table = (typeof tables)[number];

interface Due {
  id: string;
  tenantId: string;
}

/** As long as no more is due than this, all of it is looked at. */
const few = 500;

const isDue = "next_check_at <= now() and (claimed_until is null or claimed_until < now())";

/**
 * What is due, each organisation's first before any second, the longest due first. A backlog is not ranked: then each organisation that has something
 * to be watched is visited, and what it has been waiting for longest is read from the index.
 */
export async function dueOf(em: Em, table: Table, limit: number): Promise<Due[]> {
  // The planner takes the policy of tenants for one that lets a hundredth of the rows through, and would rather sort a backlog than read the index in order.
  await rows(em, "select set_config('enable_sort', 'off', true)");
  const oldest = await rows<Due>(
    em,
    `select id, tenant_id as "tenantId" from payment.${table} where ${isDue} order by next_check_at limit ?`,
    [few],
  );
  return oldest.length < few ? inTurns(oldest).slice(0, limit) : await rows<Due>(em, ofEach(table), [limit, limit]);
}

/** The first of each organisation, then the second of each, and so on. */
function inTurns(due: readonly Due[]): Due[] {
  const lanes = [...Map.groupBy(due, ({ tenantId }) => tenantId).values()];
  const longest = Math.max(0, ...lanes.map(({ length }) => length));
  return Array.from({ length: longest }, (_, turn) => lanes.flatMap((lane) => lane[turn] ?? [])).flat();
}

const nextTenant = (table: Table, where: string) =>
  `select t.tenant_id from payment.${table} t where t.next_check_at is not null ${where} order by t.tenant_id limit 1`;

/** SQL of the longest due of each organisation. */
const ofEach = (table: Table) => `
  with recursive tenants as (
    (${nextTenant(table, "")})
    union all
    select (${nextTenant(table, "and t.tenant_id > tenants.tenant_id")}) from tenants where tenants.tenant_id is not null
  )
  select due.id, tenants.tenant_id as "tenantId"
  from tenants cross join lateral (
    select id, next_check_at, row_number() over (order by next_check_at) as turn
    from (
      select id, next_check_at from payment.${table} where tenant_id = tenants.tenant_id and ${isDue} order by next_check_at limit ?
    ) oldest
  ) due
  where tenants.tenant_id is not null order by due.turn, due.next_check_at limit ?`;

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
  const due = await db.system((em) => dueOf(em, table, limit));
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
