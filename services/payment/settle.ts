import { setTimeout as delay } from "node:timers/promises";
import { errors } from "../../config/errors.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import type { Database } from "../../mixins/database.ts";
import { ofPayment, openAttempt } from "./attempts.ts";
import { lockPayment, takePayment } from "./claim.ts";
import type { Gateway, OrderView } from "./gateway/gateway.ts";
import { record, writeChange, type Change } from "./record.ts";
import { readCaptureAnswer, readLook, readOrderState, type Reading } from "./state.ts";
import { submit } from "./submit.ts";
import type { PayPal, Till } from "./till.ts";

export interface SettleOptions {
  /** Whether the payer has just acted: only then is a capture tried again that the payer's bank declined. */
  payerActed?: boolean;
  /** How long to wait for another one that settles it right now, in milliseconds. */
  waitMs?: number;
}

/**
 * Brings a payment as far as it can go now. The one command of return page, API, webhook and sweeper: looks at the order,
 * captures it (or has the money reserved, as the payment intends) when the payer approved, and looks again when the answer was lost. However many run at once, PayPal captures once and
 * one `payment.captured` is told.
 * @throws PAYMENT_NOT_FOUND
 */
export async function settle(till: Till, paymentId: string, { payerActed = false, waitMs = 0 }: SettleOptions = {}): Promise<PaymentRow> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const taken = await takePayment(till.db, paymentId);
    if (taken.state === "missing") throw errors.paymentNotFound("There is no such payment.", { id: paymentId });
    if (taken.state === "taken") {
      const { payment, claim } = taken;
      const orderId = payment.paypalPaymentId;
      const paypal = await reach(till, payment, claim);
      return orderId ? look(till.db, paypal.orders, payment, claim, orderId, payerActed) : submit(till, paypal, payment, claim);
    }
    if (taken.state === "over" || Date.now() >= deadline) return taken.payment;
    await delay(100);
  }
}

/** The payment's PayPal. Without credentials for it the payment is looked at again later. */
async function reach(till: Till, payment: PaymentRow, claim: string): Promise<PayPal> {
  try {
    return await till.paypal(payment.tenantId, payment.accountId ?? null);
  } catch (error) {
    await record(till.db, payment.id, claim, { release: true });
    throw error;
  }
}

async function look(
  db: Database,
  orders: Gateway,
  payment: PaymentRow,
  claim: string,
  orderId: string,
  payerActed: boolean,
): Promise<PaymentRow> {
  const finish = (reading: Reading, attempt?: Change["attempt"]) =>
    record(db, payment.id, claim, { ...changeOf(reading), liabilityShift, ...(approvalUrl && { approvalUrl }), attempt, release: true });
  const first = await orders.getOrder(orderId);
  const { liabilityShift, approvalUrl } = first.outcome === "ok" ? first.value : { liabilityShift: null, approvalUrl: null };
  const reading = readLook(first, Date.now() - payment.createdAt.getTime(), payment.status === "approved");
  if (reading.next !== "capture") return finish(reading);
  if (payment.status === "pending" && payment.failureType && !payerActed) return finish({ next: "wait" });

  const attempt = await approve(db, payment.id, claim, orderId, orders.requestIdLifetimeMs);
  const { requestId } = attempt;
  const answer = await (payment.intent === "capture" ? orders.captureOrder(orderId, requestId) : orders.authorizeOrder(orderId, requestId));
  const captured = readCaptureAnswer(answer);
  if (captured.next !== "look") return finish(captured, { id: attempt.id, answer });
  // The answer was lost, or says that it was done before: what the order shows now is what happened.
  await record(db, payment.id, claim, { attempt: { id: attempt.id, answer } });
  const second = await orders.getOrder(orderId);
  return finish(second.outcome === "ok" ? afterCapture(second.value) : { next: "wait" });
}

/** The order after a capture whose answer told nothing: not captured yet means that the next settle asks again, under the same request id. */
function afterCapture(order: OrderView): Reading {
  const reading = readOrderState(order);
  return reading.next === "capture" || reading.next === "look" ? { next: "wait" } : reading;
}

/** Commits that the payer approved and that the money is about to be asked for, before it is. */
function approve(db: Database, id: string, claim: string, orderId: string, lifetimeMs: number) {
  return db.system(async (em) => {
    const payment = await lockPayment(em, id);
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id });
    await writeChange(em, payment, claim, { status: "approved", failure: null });
    return openAttempt(em, ofPayment(payment), payment.intent, { orderId }, lifetimeMs);
  });
}

function changeOf(reading: Reading): Change {
  switch (reading.next) {
    case "record":
      return { order: reading.order };
    case "failed":
      return { status: "failed", failure: reading.failure };
    case "return":
      return { status: "pending", failure: reading.failure };
    case "wait":
      return reading.failure ? { failure: reading.failure } : {};
    case "capture":
    case "look":
      return {};
  }
}
