import type { SubscriptionStatus } from "../../../config/contracts.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import { escape } from "../landing.ts";
import { formatAmount, type Currency } from "../money.ts";

/** Where the shop wants a payer who comes back from PayPal, with the subscription in the query; null when it named no place. */
function shopUrl(subscription: SubscriptionRow, cancelled: boolean): string | null {
  const chosen = (cancelled && subscription.cancelUrl) || subscription.returnUrl;
  if (!chosen) return null;
  const url = new URL(chosen);
  url.searchParams.set("subscriptionId", subscription.id);
  url.searchParams.set("status", subscription.status);
  return url.href;
}

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

/** The page for a payer who comes back from PayPal: how the subscription stands, and the way on. Its address holds PayPal's id, so it sends no referrer. */
export function subscriptionPage(subscription: SubscriptionRow, cancelled: boolean): string {
  const shop = shopUrl(subscription, cancelled);
  const { unit, unitCount, currency } = subscription;
  const price = `${formatAmount(subscription.cycleMinor, currency as Currency)} ${currency}`;
  const title = `${price} every ${unitCount === 1 ? unit : `${unitCount} ${unit}s`}`;
  const status = subscription.status as SubscriptionStatus;
  const lines = [
    sentences[status],
    subscription.simulated && "A simulator stands in for PayPal: no money moves.",
    status === "approval_pending" && subscription.approvalUrl && `<a href="${escape(subscription.approvalUrl)}">Agree at PayPal</a>`,
    shop && `<a href="${escape(shop)}">Back to the shop</a>`,
  ];
  const next = shop
    ? `<meta http-equiv="refresh" content="0;url=${escape(shop)}">`
    : status === "approved"
      ? `<meta http-equiv="refresh" content="3">`
      : "";
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="referrer" content="no-referrer">
${next}<title>${title}</title><h1>${title}</h1>${lines.map((line) => (line ? `<p>${line}</p>` : "")).join("")}</html>`;
}
