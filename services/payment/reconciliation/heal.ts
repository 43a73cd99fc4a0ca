import { randomUUID } from "node:crypto";
import { Payment } from "../../../entities/Payment.ts";
import { record } from "../record.ts";
import { refresh } from "../subscriptions/look.ts";
import type { Till } from "../till.ts";
import type { Found } from "./compare.ts";

/** What a look at PayPal may mend: something that was not heard of, or not to its end. An amount that differs is for people. */
const mendable = new Set<Found["kind"]>(["missing_in_ledger", "status_differs", "fee_differs"]);
/** How long to wait for another one that works on the same subscription. */
const waitMs = 3_000;

/**
 * Looks at PayPal at each payment and subscription that has such a break, and writes down what PayPal shows by the way that every capture, sale and
 * refund takes.
 * @returns how many were looked at; what PayPal could not be asked about stays as it is
 */
export async function heal(till: Till, tenantId: string, found: readonly Found[], signal?: AbortSignal): Promise<number> {
  const broken = found.filter(({ kind }) => mendable.has(kind));
  let looked = 0;
  for (const id of new Set(broken.flatMap(({ paymentId }) => paymentId ?? []))) {
    signal?.throwIfAborted();
    if (await lookAtPayment(till, tenantId, id)) looked++;
  }
  for (const id of new Set(broken.flatMap(({ subscriptionId }) => subscriptionId ?? []))) {
    signal?.throwIfAborted();
    const { answer } = await refresh(till, id, { waitMs, payments: true });
    if (answer?.outcome === "ok") looked++;
  }
  return looked;
}

async function lookAtPayment(till: Till, tenantId: string, id: string): Promise<boolean> {
  const payment = await till.db.tenant(tenantId, (em) => em.findOne(Payment, { id, tenantId }));
  if (!payment?.paypalPaymentId) return false;
  const { orders } = await till.paypal(tenantId, payment.accountId ?? null);
  const answer = await orders.getOrder(payment.paypalPaymentId);
  if (answer.outcome !== "ok") return false;
  // No claim is needed: what is recorded is merged under the row's lock.
  await record(till.db, id, randomUUID(), { order: answer.value });
  return true;
}
