import type { OrderView, Outcome } from "./gateway/gateway.ts";
import { turnAfter } from "./issues.ts";

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
  /** Money is reserved, taken or declined: the order's authorizations and captures say which. */
  | { next: "record"; order: OrderView }
  | { next: "failed"; failure: Failure };

/** Reads an order. A completed order is not a paid one: its captures say whether money came. */
export function readOrderState(order: OrderView): Reading {
  if (order.status === "APPROVED") return afterAuthentication(order.liabilityShift);
  if (order.status === "VOIDED") return { next: "failed", failure: { type: "ORDER_VOIDED", message: "PayPal voided the order." } };
  if (order.status !== "COMPLETED") return { next: "wait" };
  return order.captures.length || order.authorizations.length ? { next: "record", order } : { next: "look" };
}

/**
 * Whether a card may be charged, by what 3-D Secure found out. Source: PayPal's table of responses: with POSSIBLE (once YES) the bank answers for fraud, with NO
 * it is not to be, with UNKNOWN the payer is asked to try again.
 */
function afterAuthentication(liabilityShift: string | null): Reading {
  if (liabilityShift === "NO") {
    return { next: "failed", failure: { type: "CARD_NOT_AUTHENTICATED", message: "The card's bank did not recognise the payer." } };
  }
  if (liabilityShift === "UNKNOWN") {
    return { next: "return", failure: { type: "CARD_AUTHENTICATION_UNKNOWN", message: "The card's bank could not be asked: pay again." } };
  }
  return { next: "capture" };
}

/** What the answer to a capture or an authorization means. One that leaves out the amounts is looked at once more. */
export function readCaptureAnswer(answer: Outcome<OrderView>): Reading {
  if (answer.outcome === "ok") {
    const reading = readOrderState(answer.value);
    const whole = answer.value.captures.every(({ amount }) => amount !== null);
    return reading.next === "capture" || !whole ? { next: "look" } : reading;
  }
  if (answer.outcome === "unknown") return answer.sent ? { next: "look" } : { next: "wait" };
  const failure = { type: answer.issue, message: answer.detail };
  const turn = turnAfter(answer.issue, answer.httpStatus);
  if (turn === "look") return { next: "look" };
  if (turn === "payer") return { next: "return", failure };
  return { next: turn === "operator" ? "wait" : "failed", failure };
}

const orderLifetimeMs = 3 * 3_600_000;
/** By arrangement PayPal lets payers approve for three days. */
const longestLifetimeMs = 75 * 3_600_000;

/** What a look at the order means. PayPal forgets an order hours after its link expired: only then does "not found" say that it is over. */
export function readLook(answer: Outcome<OrderView>, ageMs: number, captureAsked: boolean): Reading {
  const expired: Failure = { type: "ORDER_EXPIRED", message: "The payer did not pay while the order could be paid." };
  if (answer.outcome === "ok") {
    const reading = readOrderState(answer.value);
    return reading.next === "wait" && ageMs > longestLifetimeMs ? { next: "failed", failure: expired } : reading;
  }
  const gone = answer.outcome === "refused" && answer.httpStatus === 404 && ageMs > orderLifetimeMs;
  // Once the money was asked for, an order that is gone tells nothing of it.
  return gone && !captureAsked ? { next: "failed", failure: expired } : { next: "wait" };
}
