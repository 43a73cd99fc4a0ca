import type { SubscriptionStatus } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import type { SubscriptionView } from "../gateway/billing.ts";

/** Which states can follow which. PayPal makes the moves; a look that shows another one changes no state. */
const followers: Record<SubscriptionStatus, readonly SubscriptionStatus[]> = {
  created: ["approval_pending", "approved", "active", "past_due", "suspended", "cancelled", "expired", "failed"],
  approval_pending: ["approved", "active", "past_due", "suspended", "cancelled", "expired"],
  approved: ["active", "past_due", "suspended", "cancelled", "expired"],
  active: ["past_due", "suspended", "cancelled", "expired"],
  past_due: ["active", "suspended", "cancelled", "expired"],
  suspended: ["active", "past_due", "cancelled", "expired"],
  cancelled: [],
  expired: [],
  failed: [],
};
export const canFollow = (from: SubscriptionStatus, to: SubscriptionStatus) => followers[from].includes(to);
export const isOver = (status: SubscriptionStatus) => followers[status].length === 0;

/** What we can ask PayPal to do with a subscription. */
export const subscriptionMoves = ["suspend", "resume", "cancel", "change", "capture"] as const;
export type SubscriptionMove = (typeof subscriptionMoves)[number];

/** In which states PayPal lets a move happen. Source: Subscriptions v1. */
const origins: Record<SubscriptionMove, readonly SubscriptionStatus[]> = {
  suspend: ["active", "past_due"],
  resume: ["suspended"],
  cancel: ["active", "past_due", "suspended"],
  change: ["active", "past_due"],
  capture: ["active", "past_due", "suspended", "expired"],
};
export const canDo = (status: SubscriptionStatus, move: SubscriptionMove) => origins[move].includes(status);

/** @throws SUBSCRIPTION_STATE_CONFLICT */
export function insist(id: string, status: SubscriptionStatus, move: SubscriptionMove): void {
  if (canDo(status, move)) return;
  const message = `A subscription that is ${status} can't be asked to ${move}; it must be ${origins[move].join(" or ")}.`;
  throw errors.subscriptionState(message, { subscriptionId: id, status, move, allowed: origins[move] });
}

/** Whether a state shows that a move has been made. */
const reached: Record<"suspend" | "resume" | "cancel", readonly SubscriptionStatus[]> = {
  suspend: ["suspended"],
  resume: ["active", "past_due"],
  cancel: ["cancelled"],
};
export const hasReached = (status: SubscriptionStatus, move: keyof typeof reached) => reached[move].includes(status);

/** PayPal's word as ours. A subscription that PayPal calls active though its last payment failed is past due; a word that is not known changes nothing. */
export function statusOf({ status, failedPayments }: Pick<SubscriptionView, "status" | "failedPayments">): SubscriptionStatus | null {
  switch (status) {
    case "APPROVAL_PENDING":
      return "approval_pending";
    case "APPROVED":
      return "approved";
    case "ACTIVE":
      return failedPayments > 0 ? "past_due" : "active";
    case "SUSPENDED":
      return "suspended";
    case "CANCELLED":
      return "cancelled";
    case "EXPIRED":
      return "expired";
    default:
      return null;
  }
}
