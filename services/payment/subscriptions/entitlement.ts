import type { SubscriptionStatus } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import { Subscription, type SubscriptionRow } from "../../../entities/Subscription.ts";
import type { Database } from "../../../mixins/database.ts";

const day = 86_400_000;

/**
 * paid: the time is paid for, or free by a trial; renewal_due: the next payment is due and PayPal has not told how it went; grace: a payment failed, and
 * the plan's days of grace last; unpaid: they are over; suspended, ended, not_started: it does not run, and no time is left; none: never subscribed.
 */
export const entitlementReasons = ["paid", "renewal_due", "grace", "unpaid", "suspended", "ended", "not_started", "none"] as const;
export type EntitlementReason = (typeof entitlementReasons)[number];

export interface Entitlement {
  entitled: boolean;
  /** ISO 8601: until when, as things stand; null when not entitled. */
  until: string | null;
  why: EntitlementReason;
  subscriptionId: string | null;
  planId: string | null;
  status: SubscriptionStatus | null;
}

/** Whether a subscription entitles at a moment. What is paid for is owed: also when the subscription was cancelled since. */
export function entitlementOf(subscription: SubscriptionRow, graceDays: number, at: Date): Entitlement {
  const { id: subscriptionId, planId, paidUntil, pastDueSince } = subscription;
  const status = subscription.status as SubscriptionStatus;
  const of = { subscriptionId, planId, status };
  const yes = (why: EntitlementReason, until: Date): Entitlement => ({ entitled: true, until: until.toISOString(), why, ...of });
  const no = (why: EntitlementReason): Entitlement => ({ entitled: false, until: null, why, ...of });
  const graceEnds = (since: Date) => new Date(since.getTime() + graceDays * day);

  // PayPal calls it active, and names its beginning as the next payment, as soon as the payer has agreed.
  if (subscription.startAt && at < subscription.startAt) return no("not_started");
  if (paidUntil && at < paidUntil) return yes("paid", paidUntil);
  switch (status) {
    case "active": {
      // PayPal takes up to a day to charge what is due, and tells the next payment late.
      const ends = new Date((paidUntil ?? subscription.activatedAt ?? at).getTime() + Math.max(graceDays, 1) * day);
      return at < ends ? yes("renewal_due", ends) : no("unpaid");
    }
    case "past_due":
    case "suspended": {
      // Days of grace are for who fails to pay; who is suspended though all is paid was suspended on purpose.
      const ends = pastDueSince ? graceEnds(pastDueSince) : null;
      if (ends && at < ends) return yes("grace", ends);
      return no(status === "suspended" ? "suspended" : "unpaid");
    }
    case "created":
    case "approval_pending":
    case "approved":
      return no("not_started");
    case "cancelled":
    case "expired":
    case "failed":
      return no("ended");
  }
}

const none: Entitlement = { entitled: false, until: null, why: "none", subscriptionId: null, planId: null, status: null };

/** The best of several: one that entitles, for longest; else that of the newest subscription. */
export function best(found: Entitlement[]): Entitlement {
  const entitling = found.filter(({ entitled }) => entitled).sort((one, other) => (one.until! < other.until! ? 1 : -1));
  return entitling[0] ?? found[0] ?? none;
}

/**
 * Whether a customer of the organisation is entitled, until when and why.
 * @param of.planId by a subscription to this plan alone
 * @throws PLAN_NOT_FOUND
 */
export async function entitled(
  db: Database,
  tenantId: string,
  of: { customer: string; planId?: string },
  at: Date = new Date(),
): Promise<Entitlement> {
  const [subscriptions, plans] = await db.tenant(tenantId, async (em) => {
    if (of.planId && !(await em.findOne(Plan, { tenantId, id: of.planId })))
      throw errors.planNotFound("There is no such plan.", { id: of.planId });
    const found = await em.find(Subscription, { tenantId, ...of }, { orderBy: { createdAt: "desc" }, limit: 100 });
    const planIds = [...new Set(found.map(({ planId }) => planId))];
    return [found, await em.find(Plan, { tenantId, id: { $in: planIds } })] as const;
  });
  const grace = new Map(plans.map(({ id, graceDays }: PlanRow) => [id, graceDays]));
  return best(subscriptions.map((subscription) => entitlementOf(subscription, grace.get(subscription.planId) ?? 0, at)));
}
