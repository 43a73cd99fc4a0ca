import type { EntryKind, PayMethod } from "../../../entities/LedgerEntry.ts";
import { row, type Em } from "../../../mixins/database.ts";
import type { Money } from "../money.ts";
import type { Line } from "./bookings.ts";

/** What every fact says. */
export interface Fact {
  tenantId: string;
  /** Null where no payment of ours stands behind it: then `subscriptionId` says whose sale it is, or `invoiceId` which invoice PayPal collects. */
  paymentId: string | null;
  subscriptionId?: string | null;
  invoiceId?: string | null;
  /** PayPal's id of what happened. */
  objectId: string;
  /** When it happened at PayPal. */
  at: Date;
  /** How it was paid: as its capture when left out, and "paypal" for a capture. */
  method?: PayMethod;
}

export interface NewEntry extends Fact {
  kind: EntryKind;
  captureId: string;
  amount: Money;
  rate?: string;
  lines: Line[];
}

/** Writes an entry with its lines, in one statement as the database demands, unless it is there. @returns whether it was new */
export async function writeEntry(em: Em, entry: NewEntry): Promise<boolean> {
  const lines = entry.lines.map(({ account, currency, amountMinor }, at) => ({
    number: at + 1,
    account,
    currency,
    amount: String(amountMinor),
  }));
  const written = await row<{ entries: number }>(
    em,
    `with entry as (
       insert into payment.ledger_entries
         (tenant_id, kind, object_id, capture_id, payment_id, subscription_id, invoice_id, method, amount_minor, currency, rate, at)
       select ?::uuid, ?, ?, ?, ?, ?, ?,
              coalesce(?, (select method from payment.ledger_entries where tenant_id = ? and kind = 'capture' and object_id = ?), 'paypal'), ?, ?, ?, ?
       on conflict (tenant_id, kind, object_id) do nothing returning id, tenant_id
     ), lines as (
       insert into payment.ledger_lines (entry_id, number, tenant_id, account, currency, amount_minor)
       select entry.id, line.number, entry.tenant_id, line.account, line.currency, line.amount
       from entry cross join jsonb_to_recordset(?::jsonb) as line(number smallint, account text, currency text, amount bigint)
     )
     select count(*)::int as entries from entry`,
    [
      ...[entry.tenantId, entry.kind, entry.objectId, entry.captureId],
      ...[entry.paymentId, entry.subscriptionId ?? null, entry.invoiceId ?? null],
      ...[entry.method ?? null, entry.tenantId, entry.captureId],
      ...[String(entry.amount.amountMinor), entry.amount.currency, entry.rate ?? null, entry.at.toISOString(), JSON.stringify(lines)],
    ],
  );
  return written?.entries === 1;
}
