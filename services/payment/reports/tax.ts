import type { Page } from "../../../config/action.ts";
import { rows, type Database } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import { formatAmount, type Currency } from "../money.ts";
import { periodSql, type FinanceWish } from "./finance.ts";
import { periodOf } from "./period.ts";

/** What invoices charged of one tax, less what credit notes took back. Amounts are decimal strings of its currency. */
export interface TaxRow {
  /** First day of the row, yyyy-mm-dd. */
  from: string;
  currency: string;
  /** Where it is taxed: ISO 3166-1 alpha-2. */
  country: string;
  /** UNTDID 5305: S standard, AE reverse charge, Z zero, E exempt, G export, O outside. */
  code: string;
  /** "19", "25.5". */
  percent: string;
  taxable: string;
  tax: string;
  /** How many invoices and credit notes. */
  documents: number;
}

type Sums = Omit<TaxRow, "taxable" | "tax"> & { taxable: string; tax: string };

/**
 * The organisation's tax by the day of issue, which is the seller's own: a time zone changes nothing. Earliest first.
 * @throws VALIDATION_FAILED naming every fault of the period
 */
export async function taxReport(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { step = "month", limit = 50, cursor, ...wish }: Omit<FinanceWish, "methods">,
): Promise<Page<TaxRow>> {
  const { from, to } = periodOf(wish, new Date());
  const scope = ["tax", tenantId, from, to, step];
  const after = decodeCursor(clusterSecret, scope, cursor);
  const found = await db.tenant(tenantId, (em) =>
    rows<Sums>(
      em,
      `select * from (
         select ${periodSql("issue_date::timestamp")} as "from",
           currency, content->'breakdown'->'place'->>'country' as country, g->>'code' as code, g->>'percent' as percent,
           sum(sign * (g->>'netMinor')::bigint)::text as taxable, sum(sign * (g->>'taxMinor')::bigint)::text as tax, count(*)::int as documents
         from payment.invoices cross join lateral jsonb_array_elements(content->'breakdown'->'groups') g
           cross join lateral (select case kind when 'credit_note' then -1 else 1 end as sign) s
         where tenant_id = ? and status <> 'draft' and issue_date >= ?::date and issue_date <= ?::date
         group by 1, 2, 3, 4, 5
       ) r
       where ?::text is null or ("from", currency, country, code, percent) > (?, ?, ?, ?, ?)
       order by "from", currency, country, code, percent limit ?`,
      [...[step, from, step, tenantId, from, to], ...[after ? "after" : null, ...(after?.after ?? Array<null>(5).fill(null)), limit + 1]],
    ),
  );
  const show = ({ taxable, tax, ...row }: Sums): TaxRow => ({
    ...row,
    taxable: formatAmount(BigInt(taxable), row.currency as Currency),
    tax: formatAmount(BigInt(tax), row.currency as Currency),
  });
  const cursorOf = ({ from: first, currency, country, code, percent }: Sums) =>
    encodeCursor(clusterSecret, scope, { after: [first, currency, country, code, percent] });
  return pageOf(found, limit, after !== undefined, show, cursorOf);
}
