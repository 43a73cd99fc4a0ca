import { bulk, type Em } from "../../../mixins/database.ts";
import type { TransactionView } from "../gateway/search.ts";
import { ownedBy, type Owner } from "../ledger/owner.ts";
import type { Currency } from "../money.ts";
import type { Window } from "./collect.ts";
import { oursFrom, type Booked, type Ours, type Recorded } from "./compare.ts";
import { namedBy } from "./named.ts";

const bookedColumns = `kind, object_id as "objectId", capture_id as "captureId", payment_id as "paymentId", subscription_id as "subscriptionId",
  invoice_id as "invoiceId", amount_minor::text as amount, currency, at`;

type BookedRow = Omit<Booked, "amountMinor" | "at"> & { amount: string; at: string | Date };

const booked = ({ amount, at, ...entry }: BookedRow): Booked => ({
  ...entry,
  currency: entry.currency,
  amountMinor: BigInt(amount),
  at: new Date(at),
});

/** Everything of which rows know PayPal's id, as one table: a sale of a subscription that was refunded since did go through. */
const recordedRows = `(
  select 'capture' as thing, tenant_id, paypal_id, payment_id, null::uuid as subscription_id, status, amount_minor, currency, captured_at as at from payment.captures
  union all select kind, tenant_id, paypal_id, payment_id, null, status, amount_minor, currency, completed_at from payment.refunds
  union all select 'capture', tenant_id, sale_id, null, subscription_id, case when status in ('pending', 'declined') then status else 'completed' end, amount_minor, currency, paid_at
  from payment.subscription_payments
)`;

/** What is known of transactions: by an organisation, or by anybody (null, in the system's scope; rows of captures and refunds are left out then). */
export async function oursOf(em: Em, tenantId: string | null, transactions: readonly TransactionView[]): Promise<Ours> {
  const ids = [...new Set(transactions.flatMap(({ id, referenceId }) => (referenceId ? [id, referenceId] : [id])))];
  const whose = tenantId === null ? "$2::uuid is null" : "tenant_id = $2";
  const entries = await bulk<BookedRow>(
    em,
    `select ${bookedColumns} from payment.ledger_entries where object_id = any($1) and ${whose}
     union select ${bookedColumns} from payment.ledger_entries where capture_id = any($1) and ${whose}`,
    [ids, tenantId],
  );
  const known = entries.map(booked);
  const recorded = tenantId === null ? [] : await recordedAs(em, tenantId, ids);
  return oursFrom(known, recorded, await namedBy(em, tenantId, transactions, ownersOf(known, recorded)));
}

const recordedAs = (em: Em, tenantId: string, ids: string[]) =>
  bulk<Recorded>(
    em,
    `select thing, paypal_id as "paypalId", payment_id as "paymentId", subscription_id as "subscriptionId",
       null as "invoiceId", status from ${recordedRows} r
     where tenant_id = $1 and paypal_id = any($2)`,
    [tenantId, ids],
  );

/** Whose is what PayPal knows by an id. */
function ownersOf(entries: readonly Booked[], rows: readonly Recorded[]): Map<string, Owner> {
  const owners = new Map<string, Owner>();
  for (const { paypalId, paymentId, subscriptionId } of rows) owners.set(paypalId, ownedBy({ paymentId, subscriptionId }));
  for (const { objectId, captureId, paymentId, subscriptionId, invoiceId } of entries)
    for (const id of [objectId, captureId]) owners.set(id, { paymentId, subscriptionId, invoiceId });
  return owners;
}

/** Captures, refunds and reversals that were booked in a period. @param closed accounts whose money is left out: their reports can't be read */
export async function bookedIn(em: Em, tenantId: string, { from, to }: Window, closed: readonly string[]): Promise<Booked[]> {
  const found = await bulk<BookedRow>(
    em,
    `select ${bookedColumns} from payment.ledger_entries e
     where tenant_id = $3 and at >= $1 and at < $2 and kind in ('capture', 'refund', 'reversal')
       and not exists (select 1 from payment.payments p where p.id = e.payment_id and p.account_id = any($4::uuid[]))
       and not exists (select 1 from payment.subscriptions s where s.id = e.subscription_id and s.account_id = any($4::uuid[]))
       and not exists (select 1 from payment.paypal_invoices i where i.id = e.invoice_id and i.account_id = any($4::uuid[]))`,
    [from.toISOString(), to.toISOString(), tenantId, closed],
  );
  return found.map(booked);
}

export interface Unbooked extends Recorded {
  at: Date;
  amountMinor: bigint;
  currency: Currency;
}

/** What rows say went through in a period and the ledger has not. */
export async function unbookedIn(em: Em, tenantId: string, { from, to }: Window): Promise<Unbooked[]> {
  const found = await bulk<Recorded & { at: string | Date; amount: string; currency: Currency }>(
    em,
    `select r.thing, r.paypal_id as "paypalId", r.payment_id as "paymentId", r.subscription_id as "subscriptionId", null as "invoiceId", r.status, r.at, r.amount_minor::text as amount, r.currency
     from ${recordedRows} r
     where tenant_id = $3 and status = 'completed' and at >= $1 and at < $2 and not exists (
       select 1 from payment.ledger_entries e
       where e.tenant_id = r.tenant_id and e.kind in ('capture', 'refund', 'reversal') and e.object_id = r.paypal_id
     )`,
    [from.toISOString(), to.toISOString(), tenantId],
  );
  return found.map(({ amount, at, ...row }) => ({ ...row, amountMinor: BigInt(amount), at: new Date(at) }));
}
