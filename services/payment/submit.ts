import { errors } from "../../config/errors.ts";
import type { PaymentAttemptRow } from "../../entities/PaymentAttempt.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import { SavedMethod } from "../../entities/SavedMethod.ts";
import type { Em } from "../../mixins/database.ts";
import { ofPayment, openAttempt } from "./attempts.ts";
import { lockPayment } from "./claim.ts";
import type { NewOrder } from "./gateway/gateway.ts";
import type { Currency } from "./money.ts";
import { record, type Change } from "./record.ts";
import { readOrderState } from "./state.ts";
import { orderBreakdown } from "./tax/paypal.ts";
import { saleOf } from "./tax/sale.ts";
import { store } from "./tax/stored.ts";
import type { PayPal, Till } from "./till.ts";

async function orderOf(em: Em, payment: PaymentRow, publicUrl: string): Promise<NewOrder> {
  const back = `${publicUrl}/api/v1/payments/${payment.id}/return`;
  const { id: paymentId, tenantId, intent, amountMinor, description = null } = payment;
  const sale = saleOf(payment);
  const saved = payment.methodId == null ? null : await em.findOneOrFail(SavedMethod, { id: payment.methodId });
  return {
    paymentId,
    tenantId,
    intent,
    amountMinor,
    currency: payment.currency as Currency,
    card: payment.method === "card",
    vaultId: saved?.vaultId ?? null,
    description,
    breakdown: sale && orderBreakdown(sale.breakdown),
    returnUrl: back,
    cancelUrl: `${back}?cancelled=true`,
  };
}

/** Opens the attempt to create the order. The payment's row must be locked, or new. */
export async function openCreation(em: Em, payment: PaymentRow, { publicUrl }: Till, { orders }: PayPal): Promise<Creation> {
  const order = await orderOf(em, payment, publicUrl);
  const attempt = await openAttempt(em, ofPayment(payment), "create", store(order), orders.requestIdLifetimeMs);
  return { order, attempt };
}

/** What is asked for, and the attempt under which. */
export interface Creation {
  order: NewOrder;
  attempt: PaymentAttemptRow;
}

/**
 * Asks PayPal for the order of a claimed payment. As long as the answer is lost the same request id is sent again; once PayPal has
 * forgotten it the payment fails, which costs nobody anything: the payer never had a link.
 */
export async function submit(till: Till, paypal: PayPal, payment: PaymentRow, claim: string, opened?: Creation): Promise<PaymentRow> {
  const { db } = till;
  const { order, attempt } =
    opened ??
    (await db.system(async (em) => {
      const locked = await lockPayment(em, payment.id);
      if (!locked) throw errors.paymentNotFound("There is no such payment.", { id: payment.id });
      return openCreation(em, locked, till, paypal);
    }));
  if (attempt.keyExpiresAt.getTime() < Date.now()) {
    const failure = { type: "ORDER_UNCONFIRMED", message: "PayPal never confirmed the order." };
    // With a saved method it may have been paid: PayPal's events or an operator find out.
    return record(db, payment.id, claim, { ...(order.vaultId === null && { status: "failed" }), failure, release: true });
  }
  const answer = await paypal.orders.createOrder(order, attempt.requestId);
  const told = { attempt: { id: attempt.id, answer }, release: true };
  switch (answer.outcome) {
    case "ok": {
      const { id: paypalPaymentId, approvalUrl } = answer.value;
      // A saved method pays at once.
      const reading = readOrderState(answer.value);
      const next: Change = reading.next === "record" ? { order: reading.order } : { status: "pending" };
      return record(db, payment.id, claim, { ...told, failure: null, ...next, paypalPaymentId, approvalUrl });
    }
    case "refused":
      return record(db, payment.id, claim, { ...told, status: "failed", failure: { type: answer.issue, message: answer.detail } });
    case "unknown":
      return record(db, payment.id, claim, {
        ...told,
        failure: { type: "ORDER_UNCONFIRMED", message: `PayPal has not confirmed the order yet: ${answer.reason}.` },
      });
  }
}
