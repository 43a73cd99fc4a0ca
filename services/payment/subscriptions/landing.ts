import type { Binary } from "../../../config/action.ts";
import type { SubscriptionStatus } from "../../../config/states.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import { formatAmount, type Currency } from "../money.ts";
import { link, payerPage, shopUrl } from "../payerpage.ts";

const sentences: Record<SubscriptionStatus, string> = {
  created: "PayPal has not confirmed this subscription yet.",
  approval_pending: "You have not agreed to this subscription.",
  approved: "You agreed to this subscription; PayPal is about to start it.",
  active: "Your subscription runs. Thank you.",
  past_due: "Your subscription runs, but a payment failed; PayPal tries again.",
  suspended: "This subscription is suspended.",
  cancelled: "This subscription was cancelled.",
  expired: "This subscription has ended.",
  failed: "This subscription failed.",
};

/** The page for a payer who comes back from PayPal: how the subscription stands, and the way on. */
export function subscriptionPage(subscription: SubscriptionRow, cancelled: boolean): Binary {
  const { unit, unitCount, currency } = subscription;
  const price = `${formatAmount(subscription.cycleMinor, currency as Currency)} ${currency}`;
  const status = subscription.status as SubscriptionStatus;
  return payerPage({
    title: `${price} every ${unitCount === 1 ? unit : `${unitCount} ${unit}s`}`,
    lines: [
      sentences[status],
      subscription.simulated && "A simulator stands in for PayPal: no money moves.",
      status === "approval_pending" && subscription.approvalUrl && link(subscription.approvalUrl, "Agree at PayPal"),
    ],
    shop: shopUrl(subscription, cancelled, { subscriptionId: subscription.id, status }),
    again: status === "approved",
  });
}
