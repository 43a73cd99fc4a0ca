import type { EventType, PaymentStatus } from "../../config/contracts.ts";
import { errors } from "../../config/errors.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import { recordAct } from "../../mixins/act.ts";
import type { Database, Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { closeAttempt } from "./attempts.ts";
import { lockPayment } from "./claim.ts";
import type { Outcome } from "./gateway/gateway.ts";
import { formatAmount, type Currency } from "./money.ts";
import { canMove, isOver, type Failure } from "./state.ts";

const eventOf: Partial<Record<PaymentStatus, EventType & `payment.${string}`>> = {
  created: "payment.created",
  approved: "payment.approved",
  captured: "payment.captured",
  failed: "payment.failed",
};

export interface Change {
  status?: PaymentStatus;
  paypalPaymentId?: string;
  approvalUrl?: string | null;
  captureId?: string;
  /** What stands in the way now; null when nothing does. */
  failure?: Failure | null;
  attempt?: { id: string; answer: Outcome<unknown> };
  /** Whether the work under this claim is done. */
  release?: boolean;
}

/** Looks at first after a quarter of a minute, then ever less often, at most every half hour. */
const waitMs = (checks: number) => Math.min(15_000 * 2 ** checks, 1_800_000);

/** Appends the event that belongs to the payment's status. */
export async function tell(em: Em, payment: PaymentRow, actor: string): Promise<void> {
  const type = eventOf[payment.status as PaymentStatus];
  if (!type) return;
  const { id: paymentId, status, currency } = payment;
  const amount = formatAmount(payment.amountMinor, currency as Currency);
  const event = { tenantId: payment.tenantId, type, stream: `payment:${paymentId}`, data: { paymentId, status, amount, currency }, actor };
  payment.version = (await appendEvent(em, "payment", event)).version;
}

/**
 * Writes what is known now, under the row's lock: a move that the state table refuses (a second capture, say) changes nothing and
 * tells nothing, so one fact makes one event however often it is reported.
 */
export async function writeChange(em: Em, payment: PaymentRow, claim: string, change: Change): Promise<void> {
  if (change.attempt) await closeAttempt(em, change.attempt.id, change.attempt.answer);
  const { status } = change;
  const moved = status !== undefined && status !== payment.status && canMove(payment.status, status);
  if (moved) {
    payment.status = status;
    if (change.captureId) payment.captureId = change.captureId;
    if (status === "approved") payment.approvedAt ??= new Date();
    if (status === "captured") payment.executedAt = new Date();
  }
  if (moved || !isOver(payment.status)) {
    if (change.paypalPaymentId) payment.paypalPaymentId = change.paypalPaymentId;
    if (change.approvalUrl !== undefined) payment.approvalUrl = change.approvalUrl;
    if (change.failure !== undefined) {
      payment.failureType = change.failure?.type ?? null;
      payment.failureMessage = change.failure?.message ?? null;
    }
  }
  payment.checks = moved ? 0 : payment.checks + (change.release ? 1 : 0);
  payment.nextCheckAt = isOver(payment.status) ? null : new Date(Date.now() + waitMs(payment.checks));
  // A claim that lapsed belongs to somebody else by now.
  if (change.release && payment.claim === claim) payment.claim = payment.claimedUntil = null;
  if (moved) await tell(em, payment, "service:payment");
  if (moved && status === "captured") await recordCapture(em, payment);
}

/** Whoever was the first to notice: a caller, the payer on the way back, or the sweeper. */
const recordCapture = (em: Em, { id, tenantId, amountMinor, currency }: PaymentRow) =>
  recordAct(em, "payment", {
    tenantId,
    action: "payment.captured",
    object: `payment:${id}`,
    outcome: "allowed",
    details: { amount: formatAmount(amountMinor, currency as Currency), currency },
  });

/** `writeChange` in a transaction of its own. @returns the row afterwards */
export function record(db: Database, id: string, claim: string, change: Change): Promise<PaymentRow> {
  return db.system(async (em) => {
    const payment = await lockPayment(em, id);
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id });
    await writeChange(em, payment, claim, change);
    return payment;
  });
}
