import type { PaymentStatus } from "../../config/states.ts";
import type { AuthorizationRow } from "../../entities/Authorization.ts";
import type { CaptureRow } from "../../entities/Capture.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import type { RefundRow } from "../../entities/Refund.ts";
import type { Failure } from "./state.ts";

/** What the parts of a payment say of it. */
export interface Parts {
  payment: Pick<PaymentRow, "intent" | "amountMinor" | "currency">;
  captures: Pick<CaptureRow, "paypalId" | "status" | "paypalStatus" | "reason" | "amountMinor" | "currency">[];
  refunds: Pick<RefundRow, "status" | "amountMinor">[];
  authorizations: Pick<AuthorizationRow, "status" | "reason">[];
}

export interface Standing {
  /** Null when the parts do not say. */
  status: PaymentStatus | null;
  failure: Failure | null;
  capturedMinor: bigint;
  refundedMinor: bigint;
}

const sum = (of: { amountMinor: bigint }[]) => of.reduce((total, { amountMinor }) => total + amountMinor, 0n);
const because = (reason: string | null | undefined) => reason ?? "no reason given";

/** How a payment stands by its captures, refunds and authorizations: the one place where its state follows from the money. */
export function standingOf(parts: Parts): Standing {
  const capturedMinor = sum(parts.captures.filter(({ status }) => status === "completed"));
  const refundedMinor = sum(parts.refunds.filter(({ status }) => status === "completed"));
  return { ...verdict(parts, capturedMinor, refundedMinor), capturedMinor, refundedMinor };
}

type Verdict = Pick<Standing, "status" | "failure">;

function verdict({ payment, captures, authorizations }: Parts, captured: bigint, refunded: bigint): Verdict {
  const live = captures.filter(({ status }) => status === "completed" || status === "pending");
  const current = authorizations.filter(({ status }) => status !== "replaced");
  if (current.some(({ status }) => status === "created" || status === "partially_captured"))
    return { status: captured > 0n ? "partially_captured" : "authorized", failure: null };
  if (live.length === 0) return unpaid(captures, current);
  if (captured > 0n && refunded >= captured) return { status: "refunded", failure: null };
  if (refunded > 0n) return { status: "partially_refunded", failure: null };

  const odd = live.find(({ currency }) => currency !== payment.currency);
  if (odd || (payment.intent === "capture" && sum(live) !== payment.amountMinor)) {
    const message = `PayPal captured ${sum(live)} ${(odd ?? live[0]!).currency} in minor units, which is not what was asked for.`;
    return { status: "held", failure: { type: "CAPTURE_AMOUNT_DIFFERS", message } };
  }
  const waiting = live.find(({ status }) => status === "pending");
  if (waiting && (captured === 0n || payment.intent === "capture")) {
    return { status: "held", failure: { type: "CAPTURE_PENDING", message: `PayPal holds the money: ${because(waiting.reason)}.` } };
  }
  return { status: "captured", failure: null };
}

/** Without a capture that holds: declined, refused, given back, or not known yet. */
function unpaid(captures: Parts["captures"], authorizations: Parts["authorizations"]): Verdict {
  const [waiting] = authorizations.filter(({ status }) => status === "pending");
  if (waiting) {
    const message = `PayPal has not confirmed the authorization yet: ${because(waiting.reason)}.`;
    return { status: null, failure: { type: "AUTHORIZATION_PENDING", message } };
  }
  const last = authorizations.at(-1);
  if (last?.status === "denied")
    return { status: "failed", failure: { type: "AUTHORIZATION_DENIED", message: `PayPal refused it: ${because(last.reason)}.` } };
  if (last?.status === "voided") return { status: "voided", failure: null };
  if (last?.status === "expired")
    return { status: "voided", failure: { type: "AUTHORIZATION_EXPIRED", message: "It was not captured while it could be." } };
  const declined = captures.find(({ status }) => status === "declined");
  if (!declined) return { status: null, failure: null };
  const message = `PayPal did not complete the capture: ${because(declined.reason)}.`;
  return { status: "failed", failure: { type: `CAPTURE_${declined.paypalStatus}`, message } };
}
