import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { Refund, type RefundRow } from "../../../entities/Refund.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import { once } from "../../../mixins/events.ts";
import { openAttempt } from "../attempts.ts";
import { claimRow, lockPayment } from "../claim.ts";
import { openDisputeOf } from "../disputes/disputes.ts";
import { turnAfter } from "../issues.ts";
import { formatAmount } from "../money.ts";
import { readPayment } from "../payments.ts";
import { firstLookMs } from "../schedule.ts";
import type { Till } from "../till.ts";
import { askRefund, type Claimed } from "./ask.ts";
import { amountToRefund, captureToRefund, remaining, type RefundWish } from "./remaining.ts";
import { resolveRefund } from "./resolve.ts";

export interface NewRefund extends RefundWish {
  /** The payment's. */
  id: string;
  /** For the payer. */
  note?: string;
}

/**
 * Gives back a payment, or a part of it. What is left is reckoned under the payment's lock, and row and attempt are committed before PayPal hears
 * of it: of any number of refunds at once none goes beyond what was captured. A repeat under the same key gives the same refund.
 * @returns the refund: completed, pending (an e-check), or requested when PayPal's answer is not known yet
 * @throws PAYMENT_NOT_FOUND, PAYMENT_STATE_CONFLICT, PAYMENT_DISPUTED, REFUND_AMOUNT_EXCEEDED, VALIDATION_FAILED, IDEMPOTENCY_KEY_REUSED with nothing changed;
 *   REFUND_REFUSED with PayPal's issue
 */
export async function createRefund(till: Till, principal: Principal, input: NewRefund, key?: string): Promise<RefundRow> {
  const { tenantId, userId } = principal;
  const { accountId } = await readPayment(till.db, tenantId, input.id);
  const paypal = await till.paypal(tenantId, accountId);
  const begun = await till.db.tenant(tenantId, async (em) => {
    let fresh: { claimed: Claimed; attempt: { id: string; requestId: string } } | undefined;
    const { id } = await once(em, "payment", { tenantId, action: "payment.refunds.create", key, params: input }, async () => {
      fresh = await begin(em, { tenantId, userId }, input, paypal.payments.requestIdLifetimeMs);
      return { id: fresh.claimed.refund.id };
    });
    return { id, fresh };
  });
  const { fresh } = begun;
  const refund = fresh ? await askRefund(till.db, paypal, fresh.claimed, fresh.attempt) : await resolveRefund(till, begun.id);
  if (refund.failureType) {
    throw errors.refundRefused(`PayPal refused the refund: ${refund.failureMessage}`, {
      refundId: refund.id,
      issue: refund.failureType,
      turn: turnAfter(refund.failureType, null),
    });
  }
  return refund;
}

async function begin(em: Em, { tenantId, userId }: Pick<Principal, "tenantId" | "userId">, input: NewRefund, lifetimeMs: number) {
  const payment = await lockPayment(em, input.id);
  if (payment?.tenantId !== tenantId) throw errors.paymentNotFound("There is no such payment.", { id: input.id });
  const capture = await captureToRefund(em, payment, input.captureId);
  const dispute = await openDisputeOf(em, tenantId, capture.paypalId!);
  if (dispute)
    throw errors.paymentDisputed("The payer disputes this payment: answer the dispute, or accept it, which gives the money back.", {
      disputeId: dispute.id,
    });
  const amount = amountToRefund(input, await remaining(em, capture));
  const refund = em.create(Refund, {
    id: uuidv7(),
    tenantId,
    paymentId: payment.id,
    captureId: capture.id,
    userId,
    ...amount,
    note: input.note ?? null,
    nextCheckAt: new Date(Date.now() + firstLookMs),
    createdAt: new Date(),
  });
  em.persist(refund);
  const claim = claimRow(refund);
  const told = { amount: formatAmount(amount.amountMinor, amount.currency), currency: amount.currency };
  const about = { tenantId, paymentId: payment.id, objectId: refund.id };
  const attempt = await openAttempt(em, about, "refund", { ...told, capture: capture.paypalId }, lifetimeMs);
  describeAct({ object: `payment:${payment.id}`, details: { ...told, refund: refund.id } });
  return { claimed: { refund, claim, orderId: payment.paypalPaymentId!, captureId: capture.paypalId! }, attempt };
}
