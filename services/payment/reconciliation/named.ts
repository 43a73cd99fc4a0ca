import { bulk, type Em } from "../../../mixins/database.ts";
import type { TransactionView } from "../gateway/search.ts";
import { isUuid } from "../ids.ts";
import { readCustom } from "../webhooks/resource.ts";
import type { Owner } from "./compare.ts";

interface Thing {
  id: string;
  /** PayPal's id of the order or the subscription. */
  paypalId: string | null;
  subscription: boolean;
}

/**
 * What transactions say that they belong to, where it is there: by the id of themselves or of what they refer to, by what we gave PayPal to keep, by
 * the invoice id, by the order or the subscription.
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
    `select id, paypal_payment_id as "paypalId", false as subscription from payment.payments where id = any($1::uuid[]) and ${whose}
     union select id, paypal_payment_id, false from payment.payments where paypal_payment_id = any($2) and ${whose}
     union select id, paypal_subscription_id, true from payment.subscriptions where id = any($1::uuid[]) and ${whose}
     union select id, paypal_subscription_id, true from payment.subscriptions where paypal_subscription_id = any($2) and ${whose}`,
    [ids, references, tenantId],
  );
  const known = new Map<string, Owner>();
  for (const { id, paypalId, subscription } of things) {
    const owner = subscription ? { paymentId: null, subscriptionId: id } : { paymentId: id, subscriptionId: null };
    known.set(id, owner);
    if (paypalId) known.set(paypalId, owner);
  }
  const found = new Map<TransactionView, Owner>();
  for (const transaction of transactions) {
    const { id, referenceId } = transaction;
    const named = [...namesIn(transaction), ...(referenceId ? [referenceId] : [])].find((name) => known.has(name));
    const owner = owners.get(id) ?? (referenceId && owners.get(referenceId)) ?? (named && known.get(named));
    if (owner) found.set(transaction, owner);
  }
  return found;
}

/** Ids of payments and subscriptions that a transaction may name. */
function namesIn({ custom, invoiceId }: TransactionView): string[] {
  const kept = custom === null ? null : readCustom(custom);
  return [...(kept ? [kept.id] : []), ...(invoiceId !== null && isUuid(invoiceId) ? [invoiceId] : [])];
}
