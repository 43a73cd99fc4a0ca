import { bulk, type Em } from "../../../mixins/database.ts";
import type { TransactionView } from "../gateway/search.ts";
import { isUuid } from "../ids.ts";
import type { Currency } from "../money.ts";
import { readCustom } from "../webhooks/resource.ts";
import type { Window } from "./collect.ts";
import type { Booked, Ours, Recorded } from "./compare.ts";

const bookedColumns = `kind, object_id as "objectId", capture_id as "captureId", payment_id as "paymentId", subscription_id as "subscriptionId",
  amount_minor::text as amount, currency, at`;

type BookedRow = Omit<Booked, "amountMinor" | "at"> & { amount: string; at: string | Date };

const booked = ({ amount, at, ...entry }: BookedRow): Booked => ({
  ...entry,
  currency: entry.currency,
  amountMinor: BigInt(amount),
  at: new Date(at),
});

/** What is known of transactions: by an organisation, or by anybody (null, in the system's scope; the rows of captures and refunds are left out then). */
export async function oursOf(em: Em, tenantId: string | null, transactions: readonly TransactionView[]): Promise<Ours> {
  const ids = [...new Set(transactions.flatMap(({ id, referenceId }) => (referenceId ? [id, referenceId] : [id])))];
  const whose = tenantId === null ? "$2::uuid is null" : "tenant_id = $2";
  const entries = await bulk<BookedRow>(
    em,
    `select ${bookedColumns} from payment.ledger_entries where object_id = any($1) and ${whose}
     union select ${bookedColumns} from payment.ledger_entries where capture_id = any($1) and ${whose}`,
    [ids, tenantId],
  );
  const recorded = tenantId === null ? [] : await recordedAs(em, tenantId, ids);
  const ours = { booked: entries.map(booked), recorded };
  return { ...ours, named: await named(em, tenantId, transactions, ours) };
}

const recordedAs = (em: Em, tenantId: string, ids: string[]) =>
  bulk<Recorded>(
    em,
    `select 'capture' as kind, paypal_id as "paypalId", payment_id as "paymentId", status from payment.captures where tenant_id = $1 and paypal_id = any($2)
     union all select 'refund', paypal_id, payment_id, status from payment.refunds where tenant_id = $1 and paypal_id = any($2)`,
    [tenantId, ids],
  );

/** What transactions say that they belong to, where it is there: by PayPal's reference, what we gave it to keep, the invoice id, the order. */
async function named(
  em: Em,
  tenantId: string | null,
  transactions: readonly TransactionView[],
  { booked: entries, recorded }: Omit<Ours, "named">,
): Promise<Ours["named"]> {
  const whose = tenantId === null ? "$3::uuid is null" : "tenant_id = $3";
  const wanted = [...new Set(transactions.flatMap(namesIn))];
  const orders = [...new Set(transactions.flatMap(({ referenceId }) => referenceId ?? []))];
  const payments = await bulk<{ id: string; order: string | null }>(
    em,
    `select id, paypal_payment_id as "order" from payment.payments where id = any($1::uuid[]) and ${whose}
     union select id, paypal_payment_id from payment.payments where paypal_payment_id = any($2) and ${whose}`,
    [wanted, orders, tenantId],
  );
  const byId = new Set(payments.map(({ id }) => id));
  const byOrder = new Map(payments.map(({ id, order }) => [order, id]));
  const byObject = new Map<string, { paymentId: string | null; subscriptionId: string | null }>();
  for (const { paypalId, paymentId } of recorded) byObject.set(paypalId, { paymentId, subscriptionId: null });
  for (const { objectId, captureId, paymentId, subscriptionId } of entries)
    for (const id of [objectId, captureId]) byObject.set(id, { paymentId, subscriptionId });

  const found: Ours["named"] = new Map();
  for (const transaction of transactions) {
    const { id, referenceId } = transaction;
    const payment = namesIn(transaction).find((name) => byId.has(name)) ?? byOrder.get(referenceId);
    const owner =
      byObject.get(id) ?? (referenceId && byObject.get(referenceId)) ?? (payment && { paymentId: payment, subscriptionId: null });
    if (owner) found.set(transaction, owner);
  }
  return found;
}

/** Ids of payments that a transaction may name. */
function namesIn({ custom, invoiceId }: TransactionView): string[] {
  const kept = custom === null ? null : readCustom(custom);
  return [...(kept ? [kept.id] : []), ...(invoiceId !== null && isUuid(invoiceId) ? [invoiceId] : [])];
}

/** Captures, refunds and reversals that were booked in a period. */
export async function bookedIn(em: Em, tenantId: string, { from, to }: Window): Promise<Booked[]> {
  const found = await bulk<BookedRow>(
    em,
    `select ${bookedColumns} from payment.ledger_entries where tenant_id = $3 and at >= $1 and at < $2 and kind in ('capture', 'refund', 'reversal')`,
    [from.toISOString(), to.toISOString(), tenantId],
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
    `select r.kind, r.paypal_id as "paypalId", r.payment_id as "paymentId", r.status, r.at, r.amount_minor::text as amount, r.currency
     from (
       select 'capture' as kind, tenant_id, paypal_id, payment_id, status, captured_at as at, amount_minor, currency from payment.captures
       where tenant_id = $3 and status = 'completed' and captured_at >= $1 and captured_at < $2
       union all select 'refund', tenant_id, paypal_id, payment_id, status, completed_at, amount_minor, currency from payment.refunds
       where tenant_id = $3 and status = 'completed' and completed_at >= $1 and completed_at < $2
     ) r
     where not exists (
       select 1 from payment.ledger_entries e
       where e.tenant_id = r.tenant_id and e.kind in ('capture', 'refund', 'reversal') and e.object_id = r.paypal_id
     )`,
    [from.toISOString(), to.toISOString(), tenantId],
  );
  return found.map(({ amount, at, ...row }) => ({ ...row, amountMinor: BigInt(amount), at: new Date(at) }));
}
