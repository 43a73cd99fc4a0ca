import type { SubscriptionStatus } from "../../../config/states.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";

const minute = 60_000;
const hour = 60 * minute;
const day = 24 * hour;
/** A payment takes PayPal a while after it is due. */
const slackMs = 10 * minute;
/** For how long a payer is waited for. */
const patienceMs = 30 * day;

/** Ever less often. */
const backoff = (firstMs: number, mostMs: number, checks: number) => Math.min(firstMs * 2 ** Math.min(checks, 20), mostMs);

/**
 * When to look at a subscription again though no webhook comes: once more soon after it became active, since PayPal then tells the next payment of a
 * trial wrong and never corrects it; after each payment is due; at PayPal's next try of a failed one. Null: never.
 */
export function nextLook(subscription: SubscriptionRow, now: Date): Date | null {
  const { activatedAt, nextBillingAt, nextRetryAt, createdAt, checks } = subscription;
  const status = subscription.status as SubscriptionStatus;
  const inMs = (ms: number) => new Date(now.getTime() + ms);
  switch (status) {
    case "active":
    case "past_due": {
      if (activatedAt && now.getTime() - activatedAt.getTime() < 2 * slackMs) return inMs(2 * minute);
      const due = status === "past_due" ? nextRetryAt : nextBillingAt;
      if (!due) return inMs(day);
      // It has passed, and PayPal shows nothing new: what it says is stale.
      if (due.getTime() + slackMs <= now.getTime()) return inMs(backoff(slackMs, 6 * hour, checks));
      return new Date(Math.min(due.getTime() + slackMs, now.getTime() + (status === "past_due" ? day : 7 * day)));
    }
    case "suspended":
      return inMs(day);
    case "created":
    case "approval_pending":
    case "approved":
      return now.getTime() - createdAt.getTime() > patienceMs ? null : inMs(backoff(minute / 2, 6 * hour, checks));
    case "cancelled":
    case "expired":
    case "failed":
      return null;
  }
}
