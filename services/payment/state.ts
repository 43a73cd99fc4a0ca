import type { PaymentStatus } from "../../config/contracts.ts";
import type { CaptureView, OrderView, Outcome } from "./gateway/gateway.ts";
import { amountFaults, parseAmount } from "./money.ts";

/** The moves a payment can make. Nothing leaves captured or failed in this slice; a refused move changes nothing. */
const moves: Record<PaymentStatus, readonly PaymentStatus[]> = {
  created: ["pending", "failed"],
  pending: ["approved", "held", "captured", "failed"],
  approved: ["pending", "held", "captured", "failed"],
  held: ["captured", "failed"],
  captured: [],
  failed: [],
};
export const canMove = (from: PaymentStatus, to: PaymentStatus) => moves[from].includes(to);
export const isOver = (status: PaymentStatus) => moves[status].length === 0;

export interface Failure {
  type: string;
  message: string;
}

/** What an answer of the provider means for a payment. */
export type Reading =
  /** Nothing to be done yet: for the payer to act, or for a later look. */
  | { next: "wait"; failure?: Failure }
  /** The answer itself asks for another look at the order. */
  | { next: "look" }
  /** The payer agreed: the money may be taken. */
  | { next: "capture" }
  /** The payer has to choose again. */
  | { next: "return"; failure: Failure }
  | { next: "held"; captureId: string; failure: Failure }
  | { next: "captured"; captureId: string }
  | { next: "failed"; failure: Failure };

/** What was to be taken, to compare with what was. */
export interface Asked {
  amountMinor: bigint;
  currency: string;
}

/** Whether a capture took what was asked for; a provider that leaves the amount out is believed. */
function isAsAsked({ amount, currency }: CaptureView, asked: Asked): boolean {
  if (currency !== null && currency !== asked.currency) return false;
  return (
    amount === null || (amountFaults(amount, asked.currency).length === 0 && parseAmount(amount, asked.currency) === asked.amountMinor)
  );
}

/** PayPal's pages use DECLINED and DENIED for the same. */
const isDeclined = (status: string) => status === "DECLINED" || status === "DENIED" || status === "FAILED";

/** Reads an order. A completed order is not a paid one: its captures say whether money came. */
export function readOrderState(order: OrderView, asked: Asked): Reading {
  if (order.status === "APPROVED") return { next: "capture" };
  if (order.status === "VOIDED") return { next: "failed", failure: { type: "ORDER_VOIDED", message: "PayPal voided the order." } };
  if (order.status !== "COMPLETED") return { next: "wait" };
  const capture = order.captures.find(({ status }) => !isDeclined(status)) ?? order.captures[0];
  if (!capture) return { next: "look" };
  const { id: captureId, status, reason } = capture;
  if (!isDeclined(status) && !isAsAsked(capture, asked)) {
    const message = `PayPal captured ${capture.amount} ${capture.currency}, which is not what was asked for.`;
    return { next: "held", captureId, failure: { type: "CAPTURE_AMOUNT_DIFFERS", message } };
  }
  if (isDeclined(status)) {
    return {
      next: "failed",
      failure: { type: `CAPTURE_${status}`, message: `PayPal did not complete the capture: ${reason ?? "no reason given"}.` },
    };
  }
  if (status === "PENDING") {
    return {
      next: "held",
      captureId,
      failure: { type: "CAPTURE_PENDING", message: `PayPal holds the money: ${reason ?? "no reason given"}.` },
    };
  }
  return { next: "captured", captureId };
}

/** Refusals after which another look at the order tells more. */
const lookAgain = new Set(["ORDER_ALREADY_CAPTURED", "ORDER_COMPLETION_IN_PROGRESS", "ORDER_ALREADY_COMPLETED"]);
/** Refusals that the payer can mend at PayPal. */
const payersTurn = new Set(["ORDER_NOT_APPROVED", "PAYER_ACTION_REQUIRED", "INSTRUMENT_DECLINED"]);
/** Refusals that are about our account, not about this payment: an operator mends them, and the payment goes on. */
const operatorsTurn = new Set(["AUTHENTICATION_FAILURE", "INVALID_TOKEN", "INVALID_ACCOUNT_STATUS", "NOT_AUTHORIZED", "PERMISSION_DENIED"]);

/** What the answer to a capture means. */
export function readCaptureAnswer(answer: Outcome<OrderView>, asked: Asked): Reading {
  if (answer.outcome === "ok") {
    const reading = readOrderState(answer.value, asked);
    return reading.next === "capture" ? { next: "look" } : reading;
  }
  if (answer.outcome === "unknown") return answer.sent ? { next: "look" } : { next: "wait" };
  const failure = { type: answer.issue, message: answer.detail };
  if (lookAgain.has(answer.issue)) return { next: "look" };
  if (payersTurn.has(answer.issue)) return { next: "return", failure };
  if (operatorsTurn.has(answer.issue) || answer.httpStatus === 401 || answer.httpStatus === 403) return { next: "wait", failure };
  return { next: "failed", failure };
}

const orderLifetimeMs = 3 * 3_600_000;

/** What a look at the order means. PayPal forgets an order hours after its link expired: only then does "not found" say that it is over. */
export function readLook(answer: Outcome<OrderView>, asked: Asked, ageMs: number): Reading {
  if (answer.outcome === "ok") return readOrderState(answer.value, asked);
  if (answer.outcome === "refused" && answer.httpStatus === 404 && ageMs > orderLifetimeMs) {
    return { next: "failed", failure: { type: "ORDER_EXPIRED", message: "The payer did not pay while the order could be paid." } };
  }
  return { next: "wait" };
}
