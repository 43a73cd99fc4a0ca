import type { Page } from "../../../config/action.ts";
import { rows, type Database } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import { formatAmount, type Currency } from "../money.ts";
import { periodOf, type Period } from "./period.ts";
import { project } from "./project.ts";

export const steps = ["day", "month", "all"] as const;

/** A row of the financial report. Amounts are decimal strings of its currency; rows of different currencies are never added up. */
export interface FinanceRow {
  /** First day of the row, yyyy-mm-dd, by the clocks of the time zone. */
  from: string;
  currency: string;
  /** How it was paid; null for all together. */
  method: string | null;
  /** Captured, before anything was taken off. */
  revenue: string;
  refunds: string;
  /** Lost by disputes, chargebacks and reversals. */
  chargebacks: string;
  /** Kept by PayPal, less what it gave back. */
  fees: string;
  /** What is owed of it: on invoices issued in that time, less credit notes. Null where methods are apart, which invoices know nothing of. */
  tax: string | null;
  /** Revenue less refunds, chargebacks and fees; tax is still in it. */
  net: string;
  captures: number;
  refundCount: number;
}

export interface FinanceWish extends Partial<Period> {
  /** Rows per day or month, or one for the whole period. */
  step?: (typeof steps)[number];
  /** A row per method as well. */
  methods?: boolean;
  limit?: number;
  cursor?: string;
}

interface Sums {
  first: string;
  currency: Currency;
  method: string | null;
  revenue: string;
  refunds: string;
  chargebacks: string;
  fees: string;
  tax: string;
  captures: number;
  refundCount: number;
}

function show({ first, currency, method, captures, refundCount, ...sums }: Sums): FinanceRow {
  const minor = {
    revenue: BigInt(sums.revenue),
    refunds: BigInt(sums.refunds),
    chargebacks: BigInt(sums.chargebacks),
    fees: BigInt(sums.fees),
  };
  const net = minor.revenue - minor.refunds - minor.chargebacks - minor.fees;
  const shown = (amount: bigint) => formatAmount(amount, currency);
  return {
    from: first,
    currency,
    method,
    revenue: shown(minor.revenue),
    refunds: shown(minor.refunds),
    chargebacks: shown(minor.chargebacks),
    fees: shown(minor.fees),
    tax: method === null ? shown(BigInt(sums.tax)) : null,
    net: shown(net),
    captures,
    refundCount,
  };
}

/** SQL of the first day of the row that a moment belongs to. Parameters: the step, the period's first day, the step. */
export const periodSql = (moment: string) =>
  `case ?::text when 'all' then ?::text else to_char(date_trunc(replace(?, 'all', 'day'), ${moment}), 'YYYY-MM-DD') end`;

/**
 * The organisation's financial report, earliest first.
 * @throws VALIDATION_FAILED naming every fault of the period
 */
export async function financeReport(db: Database, clusterSecret: string, tenantId: string, wish: FinanceWish): Promise<Page<FinanceRow>> {
  const { step = "day", methods = false, limit = 50, cursor } = wish;
  const { from, to, timeZone } = periodOf(wish, new Date());
  const scope = ["finance", tenantId, from, to, timeZone, step, methods];
  const after = decodeCursor(clusterSecret, scope, cursor);
  await project(db);
  const found = await db.tenant(tenantId, (em) =>
    rows<Sums>(
      em,
      `select * from (
         select first, currency, method, sum(revenue)::text as revenue, sum(refunds)::text as refunds, sum(chargebacks)::text as chargebacks,
           sum(fees)::text as fees, sum(tax)::text as tax, sum(captured)::int as captures, sum(refunded)::int as "refundCount"
         from (
           select ${periodSql("bucket at time zone ?")} as first, currency, case when ?::boolean then method end as method,
             revenue, refunds, chargebacks, fees, 0 as tax, captured, refunded
           from payment.report_buckets
           where tenant_id = ? and bucket >= ?::timestamp at time zone ? and bucket < (?::timestamp + interval '1 day') at time zone ?
           union all
           select ${periodSql("issue_date::timestamp")}, currency, null, 0, 0, 0, 0, case kind when 'credit_note' then -tax_minor else tax_minor end, 0, 0
           from payment.invoices
           where tenant_id = ? and status <> 'draft' and issue_date >= ?::date and issue_date <= ?::date and not ?::boolean
         ) m group by 1, 2, 3
       ) r
       where ?::text is null or (first, currency, coalesce(method, '')) > (?, ?, ?)
       order by first, currency, method limit ?`,
      [
        ...[step, from, step, timeZone, methods, tenantId, from, timeZone, to, timeZone],
        ...[step, from, step, tenantId, from, to, methods],
        ...[after ? "after" : null, ...(after?.after ?? [null, null, null]), limit + 1],
      ],
    ),
  );
  const cursorOf = ({ first, currency, method }: Sums) => encodeCursor(clusterSecret, scope, { after: [first, currency, method ?? ""] });
  return pageOf(found, limit, after !== undefined, show, cursorOf);
}
