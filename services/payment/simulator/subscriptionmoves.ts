import { resumeBilling, startBilling } from "./billing.ts";
import { accountId } from "./ids.ts";
import { refused } from "./replies.ts";
import { demandStatus, moveTo, type Subscription, tellSubscription } from "./subscriptions.ts";
import type { World } from "./world.ts";

/** The payer agrees: to the subscription, or to its revision. Agreeing twice changes nothing. */
export function approveSubscription(world: World, subscription: Subscription): void {
  const { revision } = subscription;
  if (subscription.status === "APPROVAL_PENDING") {
    const payer = { payer_id: accountId("payer"), email_address: "payer@example.com", name: { given_name: "Pat", surname: "Payer" } };
    subscription.subscriber = { ...payer, ...subscription.subscriber };
    if (subscription.userAction === "CONTINUE") moveTo(world, subscription, "APPROVED");
    else startBilling(world, subscription);
  } else if (revision && (subscription.status === "ACTIVE" || subscription.status === "SUSPENDED")) {
    if (revision.planId !== subscription.planId) {
      // Trials are not given twice: the new plan begins with its regular cycle, at the time that was due anyway.
      subscription.completed = new Map();
      subscription.sequence = world.plans.get(revision.planId, subscription.merchant).billing_cycles.at(-1)!.sequence;
    }
    Object.assign(subscription, revision, { revision: null, updatedAt: world.clock.now() });
    tellSubscription(world, subscription, "UPDATED");
  }
}

export function activate(world: World, subscription: Subscription, note: string | undefined): void {
  if (subscription.status === "APPROVED") return startBilling(world, subscription);
  demandStatus(subscription, "SUSPENDED");
  if (subscription.isOverThreshold)
    throw refused("SUBSCRIPTION_CANNOT_BE_ACTIVATED", "The payment failure threshold was reached; collect the outstanding balance first.");
  moveTo(world, subscription, "ACTIVE", note);
  resumeBilling(world, subscription);
  tellSubscription(world, subscription, "RE-ACTIVATED");
}

export function suspend(world: World, subscription: Subscription, note: string | undefined): void {
  demandStatus(subscription, "ACTIVE");
  moveTo(world, subscription, "SUSPENDED", note);
  tellSubscription(world, subscription, "SUSPENDED");
}

/** For the merchant, and for the payer at PayPal's website. */
export function cancel(world: World, subscription: Subscription, note: string | undefined): void {
  demandStatus(subscription, "ACTIVE", "SUSPENDED");
  subscription.nextBillingAt = null;
  moveTo(world, subscription, "CANCELLED", note);
  tellSubscription(world, subscription, "CANCELLED");
}
