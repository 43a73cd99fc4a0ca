import { LockMode } from "@mikro-orm/core";
import { errors } from "../../../config/errors.ts";
import { Capture } from "../../../entities/Capture.ts";
import { Payment, type PaymentRow } from "../../../entities/Payment.ts";
import { Refund, type RefundRow } from "../../../entities/Refund.ts";
import { openAttempt } from "../attempts.ts";
import { claimRow, isClaimed } from "../claim.ts";
import { sweepDue } from "../due.ts";
import type { Database } from "../../../mixins/database.ts";
import { recordOrder } from "../record.ts";
import { lookAgain, lost, thinking } from "../schedule.ts";
import type { PayPal, Till } from "../till.ts";
import { askRefund, conclude, refuse, type Claimed } from "./ask.ts";
import { crossCheck } from "./crosscheck.ts";
import { recordRefund } from "./record.ts";

/**
 * Finds out how a refund stands: one whose answer was lost is looked for, and asked for again under the same request id if PayPal has none;
 * one that is pending is looked at. Does nothing while somebody else does it, and once it is over.
 * @throws REFUND_NOT_FOUND
 */
export async function resolveRefund(till: Till, id: string): Promise<RefundRow> {
  const { db } = till;
  const { refund, claimed } = await takeRefund(db, id);
  if (!claimed) return refund;
  let paypal: PayPal;
  try {
    paypal = await till.paypal(refund.tenantId, claimed.accountId);
  } catch (error) {
    await conclude(db, claimed, (_em, _payment, row) => lookAgain(row, row.createdAt, thinking));
    throw error;
  }
  return refund.paypalId == null ? find(db, paypal, claimed) : look(db, paypal, claimed, refund.paypalId);
}

/** Resolves what is due: lost answers, e-checks on their way. See `sweepDue`. */
export const sweepRefunds = (till: Till, limit: number, signal?: AbortSignal): Promise<number> =>
  sweepDue(till, "refunds", limit, (id) => resolveRefund(till, id), signal);

function takeRefund(db: Database, id: string): Promise<{ refund: RefundRow; claimed: (Claimed & Pick<PaymentRow, "accountId">) | null }> {
  return db.system(async (em) => {
    const refund = await em.findOne(Refund, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!refund) throw errors.refundNotFound("There is no such refund.", { id });
    const open = refund.status === "requested" || refund.status === "pending";
    if (!open || isClaimed(refund)) return { refund, claimed: null };
    const { paypalPaymentId, accountId } = await em.findOneOrFail(Payment, { id: refund.paymentId });
    const { paypalId } = await em.findOneOrFail(Capture, { id: refund.captureId });
    return { refund, claimed: { refund, claim: claimRow(refund), orderId: paypalPaymentId!, captureId: paypalId!, accountId } };
  });
}

/** PayPal has answered with an id before: how it stands now. */
async function look(db: Database, paypal: PayPal, claimed: Claimed, paypalId: string): Promise<RefundRow> {
  const answer = await paypal.payments.getRefund(paypalId);
  const looked = await conclude(db, claimed, async (em, payment, row) => {
    if (answer.outcome === "ok") await recordRefund(em, payment, answer.value, { asked: row.id });
    if (row.status === "pending") lookAgain(row, row.createdAt, thinking);
  });
  await crossCheck(db, paypal, looked, claimed.orderId);
  return looked;
}

/** PayPal has not answered yet: whether its order has it, else asks again. While PayPal can't be looked at nothing is sent. */
async function find(db: Database, paypal: PayPal, claimed: Claimed): Promise<RefundRow> {
  const { refund, orderId } = claimed;
  const order = await paypal.orders.getOrder(orderId);
  const isThere = order.outcome === "ok" && order.value.refunds.some(({ invoiceId }) => invoiceId === refund.id);
  if (order.outcome === "unknown" || isThere) {
    return conclude(db, claimed, async (em, payment, row) => {
      if (order.outcome === "ok") await recordOrder(em, payment, order.value);
      if (row.status === "requested") lookAgain(row, row.createdAt, lost);
    });
  }
  const attempt = await db.system(async (em) => {
    const {
      tenantId,
      paymentId,
      id: objectId,
    } = await em.findOneOrFail(Refund, { id: refund.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    return openAttempt(em, { tenantId, paymentId, objectId }, "refund", {}, paypal.payments.requestIdLifetimeMs);
  });
  if (attempt.keyExpiresAt.getTime() > Date.now()) return askRefund(db, paypal, claimed, attempt);
  const message = "PayPal never confirmed the refund, and its order has none.";
  return conclude(db, claimed, (em, payment, row) => refuse(em, payment, row, "REFUND_UNCONFIRMED", message));
}
