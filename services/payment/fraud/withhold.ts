import { errors } from "../../../config/errors.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { recordAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import { mark, move } from "../restate.ts";
import type { Failure } from "../state.ts";
import type { Decision } from "./evaluate.ts";

/** Why a payment failed that PayPal never heard of. Those who may read payments see it; the payer is told none of it. */
export const withheld = {
  blocked: { type: "PAYMENT_BLOCKED", message: "The organisation's rules against fraud refused it." },
  rejected: { type: "REVIEW_REJECTED", message: "A reviewer refused it." },
  expired: { type: "REVIEW_EXPIRED", message: "Nobody reviewed it in time." },
} as const satisfies Record<string, Failure>;
const types: readonly (string | null | undefined)[] = Object.values(withheld).map(({ type }) => type);

/** Keeps a new payment from PayPal where it was judged so. @returns whether it goes on */
export async function passes(em: Em, payment: PaymentRow, decision: Decision): Promise<boolean> {
  if (decision === "allow") return true;
  if (decision === "block") mark(payment, withheld.blocked);
  await move(em, payment, decision === "block" ? "failed" : "review");
  const action = decision === "block" ? "payment.blocked" : "payment.review.opened";
  await recordAct(em, "payment", { tenantId: payment.tenantId, action, object: `payment:${payment.id}`, outcome: "allowed" });
  return false;
}

/** @throws PAYMENT_BLOCKED for a payment that was not let through: the same sentence whatever the rule, or whoever knows it could try until it passes */
export function mustPass({ id, failureType }: PaymentRow): void {
  if (types.includes(failureType)) throw errors.paymentBlocked("This payment can't be taken.", { paymentId: id });
}
