import type { PaymentStatus } from "../../config/states.ts";
import { errors } from "../../config/errors.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import type { Database, Em } from "../../mixins/database.ts";
import { closeAttempt } from "./attempts.ts";
import { recordAuthorization } from "./authorizations/record.ts";
import { recordCapture } from "./captures.ts";
import { lockPayment, release } from "./claim.ts";
import type { OrderView, Outcome } from "./gateway/gateway.ts";
import { isOver, isWatched } from "./moves.ts";
import { recordRefund } from "./refunds/record.ts";
import { mark, move } from "./restate.ts";
import { firstLookMs, lookAgain, lost, thinking } from "./schedule.ts";
import type { Failure } from "./state.ts";

export interface Change {
  status?: PaymentStatus;
  paypalPaymentId?: string;
  /** What 3-D Secure found out; null where nothing is known. */
  liabilityShift?: string | null;
  approvalUrl?: string | null;
  /** An order whose authorizations, captures and refunds say how the payment stands. */
  order?: OrderView;
  /** What stands in the way now; null when nothing does. */
  failure?: Failure | null;
  attempt?: { id: string; answer: Outcome<unknown> };
  /** Whether the work under this claim is done. */
  release?: boolean;
}

/**
 * Writes what is known now, under the row's lock: a move that the state table refuses (a second capture, say) changes nothing and
 * tells nothing, so one fact makes one event however often it is reported.
 */
export async function writeChange(em: Em, payment: PaymentRow, claim: string, change: Change): Promise<void> {
  if (change.attempt) await closeAttempt(em, change.attempt.id, change.attempt.answer);
  const wasOver = isOver(payment.status);
  const before = payment.status;
  if (change.liabilityShift) payment.liabilityShift = change.liabilityShift;
  if (change.paypalPaymentId) payment.paypalPaymentId ??= change.paypalPaymentId;
  if (change.status && change.status !== before) await move(em, payment, change.status);
  if (!wasOver) {
    if (change.approvalUrl !== undefined) payment.approvalUrl = change.approvalUrl;
    if (change.failure !== undefined) mark(payment, change.failure);
  }
  if (change.order) await recordOrder(em, payment, change.order);
  if (!isWatched(payment.status)) payment.nextCheckAt = null;
  else if (change.release) lookAgain(payment, payment.approvedAt ?? payment.createdAt, payment.status === "held" ? thinking : lost);
  else payment.nextCheckAt = new Date(Date.now() + firstLookMs);
  if (change.release) release(payment, claim);
}

/** Everything that an order tells: dashboards' captures and refunds among it. */
export async function recordOrder(em: Em, payment: PaymentRow, order: OrderView): Promise<void> {
  for (const authorization of order.authorizations) await recordAuthorization(em, payment, authorization);
  for (const capture of order.captures) await recordCapture(em, payment, capture);
  for (const refund of order.refunds) await recordRefund(em, payment, refund);
}

/** `writeChange` in a transaction of its own. @returns the row afterwards */
export function record(db: Database, id: string, claim: string, change: Change): Promise<PaymentRow> {
  return db.system(async (em) => {
    const payment = await lockPayment(em, id);
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id });
    await writeChange(em, payment, claim, change);
    return payment;
  });
}
