import { errors } from "../../config/errors.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import type { Em } from "../../mixins/database.ts";
import { ofPayment, openAttempt } from "./attempts.ts";
import { lockPayment } from "./claim.ts";
import type { NewOrder } from "./gateway/gateway.ts";
import type { Currency } from "./money.ts";
import { record } from "./record.ts";
import { orderBreakdown } from "./tax/paypal.ts";
import { saleOf } from "./tax/sale.ts";
import { store } from "./tax/stored.ts";
import type { PayPal, Till } from "./till.ts";

const orderOf = (payment: PaymentRow, publicUrl: string): NewOrder => {
  const back = `${publicUrl}/api/v1/payments/${payment.id}/return`;
  const { id: paymentId, tenantId, intent, amountMinor, description = null } = payment;
  const sale = saleOf(payment);
  return {
    paymentId,
    tenantId,
    intent,
    amountMinor,
    currency: payment.currency as Currency,
    description,
    breakdown: sale && orderBreakdown(sale.breakdown),
    returnUrl: back,
    cancelUrl: `${back}?cancelled=true`,
  };
};

/** Opens the attempt to create the order. The payment's row must be locked, or new. */
export const openCreation = (em: Em, payment: PaymentRow, { publicUrl }: Till, { orders }: PayPal) =>
  openAttempt(em, ofPayment(payment), "create", store(orderOf(payment, publicUrl)), orders.requestIdLifetimeMs);

/**
 * Asks PayPal for the order of a claimed payment. As long as the answer is lost the same request id is sent again; once PayPal has
 * forgotten it the payment fails, which costs nobody anything: the payer never had a link.
 */
export async function submit(
  till: Till,
  paypal: PayPal,
  payment: PaymentRow,
  claim: string,
  opened?: { id: string; requestId: string; keyExpiresAt: Date },
): Promise<PaymentRow> {
  const { db, publicUrl } = till;
  const attempt =
    opened ??
    (await db.system(async (em) => {
      const locked = await lockPayment(em, payment.id);
      if (!locked) throw errors.paymentNotFound("There is no such payment.", { id: payment.id });
      return openCreation(em, locked, till, paypal);
    }));
  if (attempt.keyExpiresAt.getTime() < Date.now()) {
    const failure = { type: "ORDER_UNCONFIRMED", message: "PayPal never confirmed the order." };
    return record(db, payment.id, claim, { status: "failed", failure, release: true });
  }
  const answer = await paypal.orders.createOrder(orderOf(payment, publicUrl), attempt.requestId);
  const told = { attempt: { id: attempt.id, answer }, release: true };
  switch (answer.outcome) {
    case "ok": {
      const { id: paypalPaymentId, approvalUrl } = answer.value;
      return record(db, payment.id, claim, { ...told, status: "pending", paypalPaymentId, approvalUrl, failure: null });
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
