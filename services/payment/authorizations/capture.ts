import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { Capture, type CaptureRow } from "../../../entities/Capture.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { once } from "../../../mixins/events.ts";
import { closeAttempt, openAttempt } from "../attempts.ts";
import { recordCapture } from "../captures.ts";
import { claimRow, lockPayment, release } from "../claim.ts";
import type { CaptureView, OrderView, Outcome } from "../gateway/gateway.ts";
import { turnAfter } from "../issues.ts";
import { formatAmount, type Currency } from "../money.ts";
import { after, captureTable } from "../moves.ts";
import { readPayment } from "../payments.ts";
import { recordOrder } from "../record.ts";
import { firstLookMs, lookAgain, lost } from "../schedule.ts";
import type { PayPal, Till } from "../till.ts";
import { amountOfReserved, lockReserved, sumOf, type AmountWish } from "./held.ts";
import { resolveCapture } from "./resolve.ts";

export interface NewCapture extends AmountWish {
  /** The payment's. */
  id: string;
  /** Whether nothing more is to be captured: so when no amount is given. */
  final?: boolean;
}

/** A claimed capture, with what has to be known to ask for it. */
export interface ClaimedCapture {
  capture: CaptureRow;
  claim: string;
  /** PayPal's ids. */
  orderId: string;
  authorizationId: string;
}

/**
 * Captures some or all of what is reserved for a payment. What is left is reckoned under the payment's lock, and row and attempt are committed
 * before PayPal hears of it. A repeat under the same key gives the same capture.
 * @returns the capture; `requested` when PayPal's answer is not known yet
 * @throws PAYMENT_NOT_FOUND, PAYMENT_STATE_CONFLICT, CAPTURE_AMOUNT_EXCEEDED, VALIDATION_FAILED, IDEMPOTENCY_KEY_REUSED with nothing changed;
 *   CAPTURE_REFUSED with PayPal's issue
 */
export async function captureReserved(till: Till, principal: Principal, input: NewCapture, key?: string): Promise<CaptureRow> {
  const { tenantId } = principal;
  const { accountId } = await readPayment(till.db, tenantId, input.id);
  const paypal = await till.paypal(tenantId, accountId);
  const begun = await till.db.tenant(tenantId, async (em) => {
    let fresh: { claimed: ClaimedCapture; attempt: { id: string; requestId: string } } | undefined;
    const { id } = await once(em, "payment", { tenantId, action: "payment.authorizations.capture", key, params: input }, async () => {
      fresh = await begin(em, principal, input, paypal.payments.requestIdLifetimeMs);
      return { id: fresh.claimed.capture.id };
    });
    return { id, fresh };
  });
  const { fresh } = begun;
  const capture = fresh ? await askCapture(till.db, paypal, fresh.claimed, fresh.attempt) : await resolveCapture(till, begun.id);
  if (capture.failureType) {
    throw errors.captureRefused(`PayPal refused the capture: ${capture.failureMessage}`, {
      captureId: capture.id,
      issue: capture.failureType,
      turn: turnAfter(capture.failureType, null),
    });
  }
  return capture;
}

async function begin(em: Em, { tenantId, userId }: Principal, input: NewCapture, lifetimeMs: number) {
  const { payment, authorization, captures } = await lockReserved(em, tenantId, input.id);
  const amount = amountOfReserved(input, authorization, sumOf(captures));
  const capture = em.create(Capture, {
    id: uuidv7(),
    tenantId,
    paymentId: payment.id,
    authorizationId: authorization.id,
    userId,
    ...amount,
    final: input.final ?? input.amount === undefined,
    status: "requested",
    nextCheckAt: new Date(Date.now() + firstLookMs),
    createdAt: new Date(),
  });
  em.persist(capture);
  const claim = claimRow(capture);
  const told = { amount: formatAmount(amount.amountMinor, amount.currency), currency: amount.currency };
  const about = { tenantId, paymentId: payment.id, objectId: capture.id };
  const attempt = await openAttempt(em, about, "partial_capture", { ...told, of: authorization.paypalId }, lifetimeMs);
  describeAct({ object: `payment:${payment.id}`, details: { ...told, capture: capture.id } });
  return { claimed: { capture, claim, orderId: payment.paypalPaymentId!, authorizationId: authorization.paypalId }, attempt };
}

/**
 * Asks PayPal for a capture and looks at its order afterwards, which says what has become of the authorization, and whether a capture whose answer
 * was lost is there: by the name that we gave it.
 */
export async function askCapture(
  db: Database,
  paypal: PayPal,
  claimed: ClaimedCapture,
  attempt: { id: string; requestId: string },
): Promise<CaptureRow> {
  const { capture, orderId, authorizationId } = claimed;
  const amount = { amountMinor: capture.amountMinor, currency: capture.currency as Currency };
  const wish = { captureId: capture.id, amount, final: capture.final };
  const answer = await paypal.payments.capture(authorizationId, wish, attempt.requestId);
  const look = answer.outcome === "unknown" && !answer.sent ? null : await paypal.orders.getOrder(orderId);
  return concludeCapture(db, claimed, async (em, payment, row) => {
    await closeAttempt(em, attempt.id, answer);
    await take(em, payment, row, answer, look);
  });
}

async function take(em: Em, payment: PaymentRow, capture: CaptureRow, answer: Outcome<CaptureView>, look: Outcome<OrderView> | null) {
  if (answer.outcome === "ok") await recordCapture(em, payment, { ...answer.value, invoiceId: capture.id });
  if (look?.outcome === "ok") await recordOrder(em, payment, look.value);
  if (capture.status !== "requested") return;
  // It may have been made before, under a request id that PayPal has forgotten: only its order tells.
  const mayBeDone = answer.outcome === "refused" && turnAfter(answer.issue, answer.httpStatus) === "look" && look?.outcome !== "ok";
  if (answer.outcome !== "refused" || mayBeDone) return lookAgain(capture, capture.createdAt, lost);
  refuseCapture(capture, answer.issue, answer.detail);
}

/** A capture that will not be. What it reserved can be captured again. */
export function refuseCapture(capture: CaptureRow, type: string, message: string): void {
  capture.status = after(captureTable, capture.status, "refused") ?? capture.status;
  capture.failureType = type;
  capture.failureMessage = message;
  capture.nextCheckAt = capture.givenUpAt = null;
}

/** Writes what is known of a capture, under its payment's lock, and gives its claim back. */
export function concludeCapture(
  db: Database,
  { capture: { id, paymentId }, claim }: Pick<ClaimedCapture, "capture" | "claim">,
  write: (em: Em, payment: PaymentRow, capture: CaptureRow) => Promise<void> | void,
): Promise<CaptureRow> {
  return db.system(async (em) => {
    const payment = await lockPayment(em, paymentId);
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id: paymentId });
    const capture = await em.findOneOrFail(Capture, { id });
    await write(em, payment, capture);
    release(capture, claim);
    return capture;
  });
}
