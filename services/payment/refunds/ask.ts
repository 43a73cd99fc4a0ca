import { errors } from "../../../config/errors.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { Refund, type RefundRow } from "../../../entities/Refund.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { closeAttempt } from "../attempts.ts";
import { lockPayment, release } from "../claim.ts";
import type { OrderView, Outcome, RefundView } from "../gateway/gateway.ts";
import type { Currency } from "../money.ts";
import { after, refundTable } from "../moves.ts";
import { turnAfter } from "../issues.ts";
import { recordOrder } from "../record.ts";
import { lookAgain, lost } from "../schedule.ts";
import { tellRefund } from "../tell.ts";
import type { PayPal } from "../till.ts";
import { crossCheck } from "./crosscheck.ts";
import { recordRefund } from "./record.ts";

/** A claimed refund, with what has to be known to ask for it. */
export interface Claimed {
  refund: RefundRow;
  claim: string;
  /** PayPal's ids of the order, and of the capture that it gives back. */
  orderId: string;
  captureId: string;
}

/** Whether PayPal's order tells more than an answer does: it was lost, or left out the amount, or says that it was done before. */
const needsLook = (answer: Outcome<RefundView>) =>
  (answer.outcome === "unknown" && answer.sent) || (answer.outcome === "refused" && turnAfter(answer.issue, answer.httpStatus) === "look");

/**
 * Asks PayPal for a refund and records what it says. When the answer is lost PayPal is looked at first: a refund that is there is found by the
 * name that we gave it; one that is not stays requested, and is asked for again under the same request id.
 */
export async function askRefund(
  db: Database,
  paypal: PayPal,
  claimed: Claimed,
  attempt: { id: string; requestId: string },
): Promise<RefundRow> {
  const { refund, orderId, captureId } = claimed;
  const amount = { amountMinor: refund.amountMinor, currency: refund.currency as Currency };
  const answer = await paypal.payments.refund(captureId, { refundId: refund.id, amount, note: refund.note ?? null }, attempt.requestId);
  const look = needsLook(answer) ? await paypal.orders.getOrder(orderId) : null;
  const asked = await conclude(db, claimed, async (em, payment, row) => {
    await closeAttempt(em, attempt.id, answer);
    if (look?.outcome === "ok") await recordOrder(em, payment, look.value);
    if (row.status === "requested") await take(em, payment, row, answer, look);
  });
  await crossCheck(db, paypal, asked, orderId);
  return asked;
}

/** What an answer means for a refund that PayPal's order, if it was looked at, does not show. */
async function take(
  em: Em,
  payment: PaymentRow,
  refund: RefundRow,
  answer: Outcome<RefundView>,
  look: Outcome<OrderView> | null,
): Promise<void> {
  if (answer.outcome === "ok") await recordRefund(em, payment, answer.value, { asked: refund.id });
  // Without a look nobody can say what a refusal of what was done before means.
  else if (answer.outcome === "refused" && (!look || look.outcome === "ok")) await refuse(em, payment, refund, answer.issue, answer.detail);
  else lookAgain(refund, refund.createdAt, lost);
}

/** A refund that will not be. Its amount can be refunded again. */
export async function refuse(em: Em, payment: PaymentRow, refund: RefundRow, type: string, message: string): Promise<void> {
  refund.status = after(refundTable, refund.status, "refused") ?? refund.status;
  refund.failureType = type;
  refund.failureMessage = message;
  refund.nextCheckAt = refund.givenUpAt = null;
  await tellRefund(em, payment, refund);
}

/** Writes what is known of a refund, under its payment's lock, and gives its claim back. */
export function conclude(
  db: Database,
  { refund: { id, paymentId }, claim }: Pick<Claimed, "refund" | "claim">,
  write: (em: Em, payment: PaymentRow, refund: RefundRow) => Promise<void> | void,
): Promise<RefundRow> {
  return db.system(async (em) => {
    const payment = await lockPayment(em, paymentId);
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id: paymentId });
    const refund = await em.findOneOrFail(Refund, { id });
    await write(em, payment, refund);
    release(refund, claim);
    return refund;
  });
}
