import { randomUUID } from "node:crypto";
import { Payment } from "../../../entities/Payment.ts";
import { record } from "../record.ts";
import type { Till } from "../till.ts";
import type { Found } from "./compare.ts";

/** What a look at PayPal may mend: something that was not heard of, or not to its end. An amount that differs is for people. */
const mendable = new Set<Found["kind"]>(["missing_in_ledger", "status_differs", "fee_differs"]);

/**
 * Looks at PayPal's order of each payment that has such a break, and writes down what it shows by the way that every capture and refund takes.
 * @returns how many were looked at; what PayPal could not be asked about stays as it is
 */
export async function heal(till: Till, tenantId: string, found: readonly Found[], signal?: AbortSignal): Promise<number> {
  const ids = [...new Set(found.flatMap(({ kind, paymentId }) => (paymentId && mendable.has(kind) ? [paymentId] : [])))];
  const { orders } = await till.paypal(tenantId);
  let looked = 0;
  for (const id of ids) {
    signal?.throwIfAborted();
    const payment = await till.db.tenant(tenantId, (em) => em.findOne(Payment, { id, tenantId }));
    if (!payment?.paypalPaymentId) continue;
    const answer = await orders.getOrder(payment.paypalPaymentId);
    if (answer.outcome !== "ok") continue;
    // No claim is needed: what is recorded is merged under the row's lock.
    await record(till.db, id, randomUUID(), { order: answer.value });
    looked++;
  }
  return looked;
}
