import { rows } from "../../mixins/database.ts";
import type { Till } from "./till.ts";

type Table = "payments" | "refunds" | "captures" | "authorizations";

/**
 * Works on what is due in a table, the longest due first.
 * @param signal ends it after the row that is being worked on
 * @returns how many were worked on
 * @throws the first failure, after all were worked on
 */
export async function sweepDue(
  { db }: Till,
  table: Table,
  limit: number,
  work: (id: string) => Promise<unknown>,
  signal?: AbortSignal,
): Promise<number> {
  const due = await db.system((em) =>
    rows<{ id: string }>(
      em,
      `select id from payment.${table} where next_check_at <= now() and (claimed_until is null or claimed_until < now()) order by next_check_at limit ?`,
      [limit],
    ),
  );
  const failures: unknown[] = [];
  for (const { id } of due) {
    if (signal?.aborted) break;
    // One organisation's trouble, credentials that are gone for instance, does not hold up the others' payments.
    await work(id).catch((error: unknown) => failures.push(error));
  }
  if (failures.length) throw failures[0];
  return due.length;
}
