import type { EventMap } from "../../../config/events.ts";
import type { SubscriptionStatus } from "../../../config/states.ts";
import type { PlanRow } from "../../../entities/Plan.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import type { CycleView, SubscriptionView } from "../gateway/billing.ts";
import { cycleAmount, regularOf, type IntervalUnit, type Terms } from "../plans/terms.ts";
import { after } from "./interval.ts";
import { nextLook } from "./schedule.ts";
import { canFollow, isOver, statusOf } from "./state.ts";

export type Told = keyof EventMap & `subscription.${string}`;

/** What a look at PayPal changes in the mirror, and the events that tell it, in order. */
export interface Mirrored {
  set: Partial<SubscriptionRow>;
  told: Told[];
}

const latest = (...times: (Date | null | undefined)[]) =>
  times.reduce<Date | null>((last, at) => (at && (!last || at > last) ? at : last), null);
const isSame = (one: Date | null | undefined, other: Date | null | undefined) => one?.getTime() === other?.getTime();
const versionOf = (cycles: readonly object[]) => (cycles as CycleView[]).find(({ tenure }) => tenure === "REGULAR")?.version ?? null;

/**
 * What a look shows that was not known. Pure, and the same look a second time changes nothing and tells nothing.
 * @param plan the plan that PayPal shows, or null when it is none of ours
 */
export function mirror(known: SubscriptionRow, view: SubscriptionView, plan: PlanRow | null, now: Date): Mirrored {
  const shown = statusOf(view);
  const from = known.status as SubscriptionStatus;
  const status = shown && canFollow(from, shown) ? shown : from;
  const activatedAt = known.activatedAt ?? (isRunning(status) || status === "expired" ? (view.changedAt ?? now) : null);
  const nextBillingAt = isOver(status) ? null : view.nextBillingAt;
  const failedAt = view.lastFailure?.at ?? null;

  const set: Partial<SubscriptionRow> = {
    paypalSubscriptionId: view.id,
    paypalStatus: view.status,
    status,
    email: known.email ?? view.email,
    approvalUrl: status === "approval_pending" ? (view.approvalUrl ?? known.approvalUrl ?? null) : null,
    cycles: view.cycles,
    nextBillingAt,
    finalPaymentAt: view.finalPaymentAt,
    paidUntil: paidUntil(known, view, status, nextBillingAt),
    failedPayments: view.failedPayments,
    lastFailureAt: latest(known.lastFailureAt, failedAt),
    failureReason: view.lastFailure?.reason ?? null,
    nextRetryAt: status === "past_due" ? (view.lastFailure?.retryAt ?? null) : null,
    pastDueSince: pastDueSince(known, status, failedAt ?? now),
    outstandingMinor: view.outstanding?.amountMinor ?? known.outstandingMinor,
    activatedAt,
    payingSince:
      known.payingSince ?? (isRunning(status) && paysRegularly(view) ? (view.lastPayment?.at ?? latest(activatedAt, known.startAt)) : null),
    suspendedAt: status === "suspended" ? (known.suspendedAt ?? view.changedAt ?? now) : null,
    endedAt: isOver(status) ? (known.endedAt ?? view.changedAt ?? now) : null,
    readAt: now,
    ...planOf(known, view, plan),
  };
  const isNew = status !== from || !isSame(nextBillingAt, known.nextBillingAt) || view.failedPayments !== known.failedPayments;
  const checks = isNew ? 0 : known.checks + 1;
  const next = { ...known, ...set, checks } as SubscriptionRow;
  return { set: { ...set, checks, nextCheckAt: nextLook(next, now) }, told: tell(known, view, next) };
}

const isRunning = (status: SubscriptionStatus) => status === "active" || status === "past_due" || status === "suspended";

/** A regular payment has been due, or none but regular ones come. PayPal counts a trial as run through as soon as it begins. */
const paysRegularly = ({ cycles }: SubscriptionView) =>
  cycles.some(({ tenure, completed }) => tenure === "REGULAR" && completed > 0) ||
  (cycles.length > 0 && cycles.every(({ tenure }) => tenure === "REGULAR"));

/** It moves with the next payment, and stays when a payment fails, or when all is over. Where a refund has cut it, it waits for the next move. */
function paidUntil(known: SubscriptionRow, view: SubscriptionView, status: SubscriptionStatus, nextBillingAt: Date | null): Date | null {
  const before = known.paidUntil ?? null;
  if (status === "active" && nextBillingAt) {
    const isKnown = known.status === "active" && isSame(nextBillingAt, known.nextBillingAt);
    return isKnown && before ? before : nextBillingAt;
  }
  // After its last payment nothing is to come: what it paid for lasts one interval more.
  const isLast =
    (status === "active" && !nextBillingAt && view.failedPayments === 0) || (status === "expired" && known.status !== "expired");
  if (isLast && view.lastPayment) return latest(before, after(view.lastPayment.at, known.unit as IntervalUnit, known.unitCount));
  return before;
}

/** A subscription that failed payments suspended remains known as past due. */
function pastDueSince(known: SubscriptionRow, status: SubscriptionStatus, since: Date): Date | null {
  if (status === "past_due") return known.pastDueSince ?? since;
  return status === "suspended" || isOver(status) ? (known.pastDueSince ?? null) : null;
}

/** Plan, quantity and what a payment comes to. A new price of the same plan counts from the moment that PayPal charges it. */
function planOf(known: SubscriptionRow, view: SubscriptionView, plan: PlanRow | null): Partial<SubscriptionRow> {
  if (!plan) return {};
  const isChanged = plan.id !== known.planId || view.quantity !== known.quantity;
  const isPriced = versionOf(view.cycles) !== versionOf(known.cycles);
  if (!isChanged && !isPriced) return {};
  const terms = plan.terms as Terms;
  const regular = regularOf(terms);
  return {
    planId: plan.id,
    quantity: view.quantity,
    cycleMinor: cycleAmount(regular, terms.currency, view.quantity),
    currency: terms.currency,
    unit: regular.unit,
    unitCount: regular.count,
    // The payer has agreed to what was offered; another plan than that leaves the offer open.
    ...(plan.id === known.nextPlanId && { nextPlanId: null, nextQuantity: null, changeUrl: null }),
  };
}

function tell(known: SubscriptionRow, view: SubscriptionView, next: SubscriptionRow): Told[] {
  const told: Told[] = [];
  const [from, to] = [known.status, next.status];
  if (next.activatedAt && !known.activatedAt) told.push("subscription.activated");
  if (known.activatedAt && (next.planId !== known.planId || next.quantity !== known.quantity)) told.push("subscription.plan_changed");
  const hasFailed = !isSame(next.lastFailureAt, known.lastFailureAt) || (!view.lastFailure && view.failedPayments > known.failedPayments);
  if (hasFailed) told.push("subscription.payment_failed");
  if (from === to) return told;
  if (from === "suspended" && (to === "active" || to === "past_due")) told.push("subscription.resumed");
  if (to === "past_due" && !known.pastDueSince) told.push("subscription.past_due");
  if (to === "suspended") told.push("subscription.suspended");
  if (to === "cancelled") told.push("subscription.cancelled");
  if (to === "expired") told.push("subscription.expired");
  return told;
}
