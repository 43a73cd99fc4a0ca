import { row, rows, type Database } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";
import type { BreakKind } from "../../../entities/ReconciliationBreak.ts";

/** How an organisation's books stand. */
export interface BooksStanding {
  /** ISO 8601. Everything that happened before has been compared with PayPal; null before the first time. */
  comparedUntil: string | null;
  nextRunAt: string | null;
  /** Runs that failed in a row. */
  failures: number;
  /** Open breaks by kind, with the age of the oldest in whole days. */
  open: { kind: BreakKind; count: number; oldestDays: number }[];
}

export async function booksStanding(db: Database, tenantId: string): Promise<BooksStanding> {
  return await db.tenant(tenantId, async (em) => {
    const books = await row<Omit<BooksStanding, "open">>(
      em,
      `select ${isoTime("compared_until")} as "comparedUntil", ${isoTime("next_run_at")} as "nextRunAt", failures from payment.reconciliations where tenant_id = ?`,
      [tenantId],
    );
    const open = await rows<BooksStanding["open"][number]>(
      em,
      `select kind, count(*)::int as count, floor(extract(epoch from now() - min(at)) / 86400)::int as "oldestDays"
       from payment.reconciliation_breaks where tenant_id = ? and state = 'open' group by kind order by min(at)`,
      [tenantId],
    );
    return { ...(books ?? { comparedUntil: null, nextRunAt: null, failures: 0 }), open };
  });
}
