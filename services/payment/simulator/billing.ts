import { amountOf, minorOf } from "./amounts.ts";
import { type Capture, placeCapture } from "./captures.ts";
import { oneIntervalAfter, priceOf } from "./pricing.ts";
import {
  billingInfo,
  codeOf,
  moveTo,
  planOf,
  preferencesOf,
  schemeNow,
  type Subscription,
  tellSubscription,
  totalCycles,
} from "./subscriptions.ts";
import type { World } from "./world.ts";

/** A failed payment is tried again five days later. */
const retryMs = 5 * 86_400_000;

/** Takes an amount from the payer and keeps count. @returns the sale; its status is DECLINED when they could not pay. */
export function collect(world: World, subscription: Subscription, minor: bigint): Capture {
  const sale = placeCapture(world, subscription.merchant, {
    orderId: null,
    subscriptionId: subscription.id,
    paypalInvoiceId: null,
    reference: "default",
    authorizationId: null,
    amount: amountOf(minor, codeOf(planOf(world, subscription))),
    isFinal: true,
    customId: subscription.customId,
    invoiceId: undefined,
  });
  if (sale.status === "DECLINED") return sale;
  subscription.failures = 0;
  subscription.isOverThreshold = false;
  subscription.lastPayment = { amount: sale.amount, time: world.clock.now() };
  return sale;
}

/** What one cycle costs this payer: the price of the quantity, taxes that the price does not contain, shipping. */
function costOf(world: World, subscription: Subscription): bigint {
  const price = priceOf(schemeNow(world, subscription, subscription.sequence)?.scheme, subscription.quantity ?? 1n);
  if (price === 0n) return 0n;
  const { percentage = "0", inclusive = true } = subscription.override?.taxes ?? planOf(world, subscription).taxes ?? {};
  const [whole = "0", fraction = ""] = percentage.split(".");
  const millionths = BigInt(whole + fraction.padEnd(5, "0"));
  const tax = inclusive ? 0n : (price * millionths + 5_000_000n) / 10_000_000n;
  return price + tax + (subscription.shipping ? minorOf(subscription.shipping) : 0n);
}

/** Bills the cycle that is due, and moves on to the next whether it was paid or not: what was not paid is outstanding. */
function billCycle(world: World, subscription: Subscription): void {
  const due = subscription.nextBillingAt!;
  const plan = planOf(world, subscription);
  const cycle = plan.billing_cycles.find(({ sequence }) => sequence === subscription.sequence)!;
  const cost = costOf(world, subscription);
  const before = preferencesOf(world, subscription).auto_bill_outstanding ? subscription.outstanding : 0n;
  const done = (subscription.completed.get(cycle.sequence) ?? 0) + 1;
  subscription.completed.set(cycle.sequence, done);
  const isOver = totalCycles(plan, subscription, cycle.sequence) === done;
  const next = oneIntervalAfter(due, cycle.frequency, subscription.anchorAt);
  if (isOver && cycle.tenure_type === "REGULAR") {
    subscription.nextBillingAt = null;
    subscription.endsAt = next;
    world.clock.at(next, () => expire(world, subscription));
  } else {
    if (isOver) {
      subscription.sequence++;
      subscription.anchorAt = next;
    }
    subscription.nextBillingAt = next;
    schedule(world, subscription);
  }
  if (cost === 0n) return;
  subscription.retryAt = null;
  const sale = collect(world, subscription, cost + before);
  if (sale.status === "DECLINED") fail(world, subscription, cost, cost + before);
  else subscription.outstanding -= before;
}

/** Has the next cycle billed when its time comes, if it is still due then. */
function schedule(world: World, subscription: Subscription): void {
  const due = subscription.nextBillingAt!;
  world.clock.at(due, () => {
    if (subscription.status === "ACTIVE" && subscription.nextBillingAt === due) billCycle(world, subscription);
  });
}

function expire(world: World, subscription: Subscription): void {
  if (subscription.status !== "ACTIVE") return;
  moveTo(world, subscription, "EXPIRED");
  tellSubscription(world, subscription, "EXPIRED");
}

/** A payment that failed: outstanding, counted, tried again, and too many of them suspend. */
function fail(world: World, subscription: Subscription, added: bigint, tried: bigint): void {
  const { auto_bill_outstanding, payment_failure_threshold: threshold } = preferencesOf(world, subscription);
  const now = world.clock.now();
  subscription.outstanding += added;
  subscription.failures++;
  subscription.isOverThreshold = threshold > 0 && subscription.failures >= threshold;
  const isTriedAgain = auto_bill_outstanding && !subscription.isOverThreshold;
  subscription.retryAt = isTriedAgain ? now + retryMs : null;
  const amount = amountOf(tried, codeOf(planOf(world, subscription)));
  subscription.lastFailure = { amount, time: now, retryAt: subscription.retryAt };
  tellSubscription(world, subscription, "PAYMENT.FAILED");
  if (subscription.isOverThreshold) {
    moveTo(world, subscription, "SUSPENDED", "The payment failure threshold was reached.");
    tellSubscription(world, subscription, "SUSPENDED");
  }
  if (subscription.retryAt !== null) retryAt(world, subscription, subscription.retryAt);
}

function retryAt(world: World, subscription: Subscription, at: number): void {
  world.clock.at(at, () => {
    if (subscription.status !== "ACTIVE" || subscription.retryAt !== at || subscription.outstanding === 0n) return;
    const owed = subscription.outstanding;
    subscription.retryAt = null;
    if (collect(world, subscription, owed).status === "DECLINED") fail(world, subscription, 0n, owed);
    else subscription.outstanding = 0n;
  });
}

/** The first day: the setup fee, then the first cycle if it starts now. A free or paid trial counts as a cycle. */
export function startBilling(world: World, subscription: Subscription): void {
  const now = world.clock.now();
  const { setup_fee, setup_fee_failure_action } = preferencesOf(world, subscription);
  const fee = setup_fee ? minorOf(setup_fee) : 0n;
  const isPaid = fee === 0n || collect(world, subscription, fee).status !== "DECLINED";
  if (!isPaid && setup_fee_failure_action === "CANCEL") {
    moveTo(world, subscription, "CANCELLED", "The payment of the setup fee failed.");
    tellSubscription(world, subscription, "CANCELLED");
    return;
  }
  subscription.startsAt = Math.max(subscription.startsAt, now);
  subscription.nextBillingAt = subscription.anchorAt = subscription.startsAt;
  moveTo(world, subscription, "ACTIVE");
  if (!isPaid) fail(world, subscription, fee, fee);
  if (subscription.startsAt <= now) billCycle(world, subscription);
  else schedule(world, subscription);
  // With a trial the event still names the start as the next billing time, and no later event mends it: one has to read again.
  const isStale = planOf(world, subscription).billing_cycles[0]!.tenure_type === "TRIAL";
  const info = { ...billingInfo(world, subscription), ...(isStale && { next_billing_time: world.clock.stamp(subscription.startsAt) }) };
  tellSubscription(world, subscription, "ACTIVATED", { billing_info: info });
}

/** A subscription that was suspended goes on with the next cycle that is still to come; none is made up for. */
export function resumeBilling(world: World, subscription: Subscription): void {
  const plan = planOf(world, subscription);
  const { frequency } = plan.billing_cycles.find(({ sequence }) => sequence === subscription.sequence)!;
  while (subscription.nextBillingAt !== null && subscription.nextBillingAt <= world.clock.now())
    subscription.nextBillingAt = oneIntervalAfter(subscription.nextBillingAt, frequency, subscription.anchorAt);
  if (subscription.nextBillingAt !== null) schedule(world, subscription);
}
