import { bulk, type Em } from "../../../mixins/database.ts";
import type { TransactionView } from "../gateway/search.ts";
import { isUuid } from "../ids.ts";
import { readCustom } from "../webhooks/resource.ts";
import { invoiceOf } from "../invoicing/billed.ts";
import { ownedBy, type Owner } from "../ledger/owner.ts";

interface Thing {
  id: string;
  /** PayPal's id of the order, the subscription or the invoice. */
  paypalId: string | null;
  what: keyof Owner;
}

/**
 * What transactions say that they belong to, where it is there: by the id of themselves or of what they refer to, by what we gave PayPal to keep, by
 * the invoice id, by the order, the subscription or PayPal's invoice.
 * @param tenantId null for anybody's, in the system's scope
 * @param owners of what PayPal knows by an id
 */
export async function namedBy(
  em: Em,
  tenantId: string | null,
  transactions: readonly TransactionView[],
  owners: ReadonlyMap<string, Owner>,
): Promise<Map<TransactionView, Owner>> {
  const whose = tenantId === null ? "$3::uuid is null" : "tenant_id = $3";
  const ids = [...new Set(transactions.flatMap(namesIn))];
  const references = [...new Set(transactions.flatMap(({ referenceId }) => referenceId ?? []))];
  const things = await bulk<Thing>(
    em,
    `select id, paypal_payment_id as "paypalId", 'paymentId' as what from payment.payments where id = any($1::uuid[]) and ${whose}
     union select id, paypal_payment_id, 'paymentId' from payment.payments where paypal_payment_id = any($2) and ${whose}
     union select id, paypal_subscription_id, 'subscriptionId' from payment.subscriptions where id = any($1::uuid[]) and ${whose}
     union select id, paypal_subscription_id, 'subscriptionId' from payment.subscriptions where paypal_subscription_id = any($2) and ${whose}
     union select id, paypal_id, 'invoiceId' from payment.paypal_invoices where id = any($1::uuid[]) and ${whose}
     union select id, paypal_id, 'invoiceId' from payment.paypal_invoices where paypal_id = any($2) and ${whose}`,
    [ids, references, tenantId],
  );
  const known = new Map<string, Owner>();
  for (const { id, paypalId, what } of things) {
    const owner = ownedBy({ [what]: id });
    known.set(id, owner);
    if (paypalId) known.set(paypalId, owner);
  }
  return alongReferences(transactions, (transaction) => {
    const { id, referenceId } = transaction;
    const named = [...namesIn(transaction), ...(referenceId ? [referenceId] : [])].find((name) => known.has(name));
    return owners.get(id) ?? (referenceId ? owners.get(referenceId) : undefined) ?? (named ? known.get(named) : undefined);
  });
}

/** The longest way of references: an exchange of a refund of a capture of an order. */
const mostSteps = 4;

/** What `tell` says of each transaction, or of the one that it refers to, and so on: an exchange names a refund, and the refund its capture. */
export function alongReferences<T>(
  transactions: readonly TransactionView[],
  tell: (transaction: TransactionView) => T | undefined,
): Map<TransactionView, T> {
  const byId = new Map(transactions.map((transaction) => [transaction.id, transaction]));
  const found = new Map<TransactionView, T>();
  for (const transaction of transactions) {
    let at: TransactionView | undefined = transaction;
    for (let step = 0; at && step < mostSteps; step++) {
      const told = tell(at);
      if (told !== undefined) {
        found.set(transaction, told);
        break;
      }
      at = at.referenceId === null ? undefined : byId.get(at.referenceId);
    }
  }
  return found;
}

/** Ids of payments, subscriptions and invoices that a transaction may name. */
function namesIn({ custom, invoiceId }: TransactionView): string[] {
  const kept = custom === null ? null : (readCustom(custom)?.id ?? invoiceOf(custom));
  return [...(kept === null ? [] : [kept]), ...(invoiceId !== null && isUuid(invoiceId) ? [invoiceId] : [])];
}
