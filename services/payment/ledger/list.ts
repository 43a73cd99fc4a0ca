import type { Page } from "../../../config/action.ts";
import type { EntryKind, PayMethod } from "../../../entities/LedgerEntry.ts";
import type { LedgerAccount } from "../../../entities/LedgerLine.ts";
import { rows, type Database } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import { formatAmount, type Currency } from "../money.ts";

/** An entry as its organisation sees it. */
export interface ShownEntry {
  id: string;
  kind: EntryKind;
  /** PayPal's ids of what happened, and of the capture or sale that it began with. */
  objectId: string;
  captureId: string;
  paymentId: string | null;
  subscriptionId: string | null;
  /** The invoice that PayPal collects. */
  invoiceId: string | null;
  method: PayMethod;
  /** What the fact said, as a decimal string; its lines may move less. */
  amount: string;
  currency: string;
  /** PayPal's rate, of a conversion. */
  rate: string | null;
  /** ISO 8601: when it happened at PayPal, and when it was booked. */
  at: string;
  bookedAt: string;
  /** Positive is debit, negative credit; zero in sum in each currency. */
  lines: { account: LedgerAccount; currency: string; amount: string }[];
}

export interface EntryFilter {
  paymentId?: string;
  invoiceId?: string;
  kind?: EntryKind;
  from?: string;
  to?: string;
}

type Read = Omit<ShownEntry, "lines" | "amount"> & {
  amount: string;
  moment: string;
  lines: { account: LedgerAccount; currency: string; amount: string }[];
};

const shown = (minor: string, currency: string) => formatAmount(BigInt(minor), currency as Currency);

function show({ moment: _moment, lines, ...entry }: Read): ShownEntry {
  return {
    ...entry,
    amount: shown(entry.amount, entry.currency),
    lines: lines.map(({ account, currency, amount }) => ({ account, currency, amount: shown(amount, currency) })),
  };
}

/** The organisation's entries, latest first. */
export async function listEntries(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, paymentId, invoiceId, kind, from, to }: EntryFilter & { limit?: number; cursor?: string },
): Promise<Page<ShownEntry>> {
  const scope = ["ledger", tenantId, paymentId ?? null, invoiceId ?? null, kind ?? null, from ?? null, to ?? null];
  const after = decodeCursor(clusterSecret, scope, cursor);
  const wishes: [sql: string, ...values: unknown[]][] = [["tenant_id = ?", tenantId]];
  if (paymentId) wishes.push(["payment_id = ?", paymentId]);
  if (invoiceId) wishes.push(["invoice_id = ?", invoiceId]);
  if (kind) wishes.push(["kind = ?", kind]);
  if (from) wishes.push(["at >= ?::timestamptz", from]);
  if (to) wishes.push(["at < ?::timestamptz", to]);
  if (after) wishes.push(["(at, id) < (?::timestamptz, ?::uuid)", ...after.after]);
  const found = await db.tenant(tenantId, (em) =>
    rows<Read>(
      em,
      `select e.id, kind, object_id as "objectId", capture_id as "captureId", payment_id as "paymentId", subscription_id as "subscriptionId",
         invoice_id as "invoiceId", method, e.amount_minor::text as amount, e.currency, rate, ${isoTime("at")} as at, ${isoTime("created_at")} as "bookedAt", at::text as moment,
         (select coalesce(jsonb_agg(jsonb_build_object('account', account, 'currency', currency, 'amount', amount_minor::text) order by number), '[]')
          from payment.ledger_lines where entry_id = e.id) as lines
       from payment.ledger_entries e where ${wishes.map(([sql]) => sql).join(" and ")} order by at desc, id desc limit ?`,
      [...wishes.flatMap(([, ...values]) => values), limit + 1],
    ),
  );
  const cursorOf = ({ moment, id }: Read) => encodeCursor(clusterSecret, scope, { after: [moment, id] });
  return pageOf(found, limit, after !== undefined, show, cursorOf);
}
