import { LockMode } from "@mikro-orm/core";
import { errors } from "../../../config/errors.ts";
import { Authorization } from "../../../entities/Authorization.ts";
import { Capture, type CaptureRow } from "../../../entities/Capture.ts";
import { Payment, type PaymentRow } from "../../../entities/Payment.ts";
import type { Database } from "../../../mixins/database.ts";
import { openAttempt } from "../attempts.ts";
import { claimRow, isClaimed } from "../claim.ts";
import { sweepDue } from "../due.ts";
import { recordOrder } from "../record.ts";
import { lookAgain, lost, thinking } from "../schedule.ts";
import type { PayPal, Till } from "../till.ts";
import { askCapture, concludeCapture, refuseCapture, type ClaimedCapture } from "./capture.ts";

type Taken = ClaimedCapture & Pick<PaymentRow, "accountId">;

/**
 * Finds out how a capture of an authorization stands: by a look at the order, and if PayPal has none, by asking for it again under the same request id.
 * Does nothing while somebody else does it, and once it is over.
 */
export async function resolveCapture(till: Till, id: string): Promise<CaptureRow> {
  const { db } = till;
  const { capture, claimed } = await takeCapture(db, id);
  if (!claimed) return capture;
  let paypal: PayPal;
  try {
    paypal = await till.paypal(capture.tenantId, claimed.accountId);
  } catch (error) {
    await concludeCapture(db, claimed, (_em, _payment, row) => lookAgain(row, row.createdAt, thinking));
    throw error;
  }
  const order = await paypal.orders.getOrder(claimed.orderId);
  const isThere =
    capture.paypalId != null || (order.outcome === "ok" && order.value.captures.some(({ invoiceId }) => invoiceId === capture.id));
  if (order.outcome === "unknown" || isThere) {
    return concludeCapture(db, claimed, async (em, payment, row) => {
      if (order.outcome === "ok") await recordOrder(em, payment, order.value);
      if (row.status === "requested") lookAgain(row, row.createdAt, lost);
      if (row.status === "pending") lookAgain(row, row.createdAt, thinking);
    });
  }
  const attempt = await db.system(async (em) => {
    const { tenantId, paymentId, id: objectId } = await em.findOneOrFail(Capture, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    return openAttempt(em, { tenantId, paymentId, objectId }, "partial_capture", {}, paypal.payments.requestIdLifetimeMs);
  });
  if (attempt.keyExpiresAt.getTime() > Date.now()) return askCapture(db, paypal, claimed, attempt);
  const message = "PayPal never confirmed the capture, and its order has none.";
  return concludeCapture(db, claimed, (_em, _payment, row) => refuseCapture(row, "CAPTURE_UNCONFIRMED", message));
}

/** Resolves what is due: lost answers, captures that PayPal reviews. See `sweepDue`. */
export const sweepCaptures = (till: Till, limit: number, signal?: AbortSignal): Promise<number> =>
  sweepDue(till, "captures", limit, (id) => resolveCapture(till, id), signal);

function takeCapture(db: Database, id: string): Promise<{ capture: CaptureRow; claimed: Taken | null }> {
  return db.system(async (em) => {
    const capture = await em.findOneOrFail(Capture, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    const isOpen = capture.status === "requested" || capture.status === "pending";
    const authorization = capture.authorizationId == null ? null : await em.findOne(Authorization, { id: capture.authorizationId });
    if (!isOpen || !authorization || isClaimed(capture)) {
      if (!authorization) capture.nextCheckAt = null;
      return { capture, claimed: null };
    }
    const payment = await em.findOne(Payment, { id: capture.paymentId });
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id: capture.paymentId });
    const { paypalPaymentId, accountId } = payment;
    const claimed = { capture, claim: claimRow(capture), orderId: paypalPaymentId!, authorizationId: authorization.paypalId, accountId };
    return { capture, claimed };
  });
}
