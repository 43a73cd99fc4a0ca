import { type Amount, amountOf } from "./amounts.ts";
import type { NewPlan, Preferences } from "./newplan.ts";
import { type Plan, planBody, priceNow } from "./plans.ts";
import { currencyOf, type PricingScheme } from "./pricing.ts";
import { refused } from "./replies.ts";
import type { World } from "./world.ts";

/** What a subscription has of its own instead of the plan's. */
export interface Override {
  schemes: Map<number, PricingScheme>;
  totals: Map<number, number>;
  payment_preferences: Partial<Preferences>;
  taxes: NewPlan["taxes"];
}

export interface Subscription {
  id: string;
  merchant: string;
  /** The token in the address where the payer agrees. */
  approvalToken: string;
  planId: string;
  status: "APPROVAL_PENDING" | "APPROVED" | "ACTIVE" | "SUSPENDED" | "CANCELLED" | "EXPIRED";
  note: string | undefined;
  /** Whether too many payments failed, so that the merchant can't set it going again. */
  isOverThreshold: boolean;
  startsAt: number;
  /** When the present cycle was due first: months keep its day. */
  anchorAt: number;
  quantity: bigint | null;
  shipping: Amount | undefined;
  customId: string | undefined;
  subscriber: Record<string, unknown>;
  /** SUBSCRIBE_NOW: approval activates. CONTINUE: the merchant does. */
  userAction: "SUBSCRIBE_NOW" | "CONTINUE";
  returnUrl: string | null;
  cancelUrl: string | null;
  override: Override | null;
  /** Cycles paid for, or passed for nothing, by sequence. */
  completed: Map<number, number>;
  /** The sequence of the cycle that is billed next. */
  sequence: number;
  nextBillingAt: number | null;
  retryAt: number | null;
  endsAt: number | null;
  outstanding: bigint;
  failures: number;
  lastPayment: { amount: Amount; time: number } | null;
  lastFailure: { amount: Amount; time: number; retryAt: number | null } | null;
  /** What the payer is asked to agree to; null when nothing. */
  revision: Revision | null;
  createdAt: number;
  updatedAt: number;
  statusAt: number;
}

export interface Revision {
  planId: string;
  quantity: bigint | null;
  shipping: Amount | undefined;
  override: Override | null;
}

export const planOf = (world: World, { planId, merchant }: Pick<Subscription, "planId" | "merchant">): Plan =>
  world.plans.get(planId, merchant);

export const codeOf = (plan: Plan): string => currencyOf(plan.billing_cycles.at(-1)!.pricing_scheme!)!;

export const preferencesOf = (world: World, subscription: Subscription): Preferences => ({
  ...planOf(world, subscription).payment_preferences,
  ...subscription.override?.payment_preferences,
});

export const totalCycles = (plan: Plan, { override }: Pick<Subscription, "override">, sequence: number): number =>
  override?.totals.get(sequence) ?? plan.billing_cycles.find((cycle) => cycle.sequence === sequence)!.total_cycles;

/** The scheme of a cycle, the subscription's own if it has one. */
export function schemeNow(world: World, subscription: Subscription, sequence: number) {
  const own = subscription.override?.schemes.get(sequence);
  if (own) return { version: 1, scheme: own };
  return priceNow(planOf(world, subscription), sequence, subscription.createdAt, world.clock.now());
}

export function moveTo(world: World, subscription: Subscription, status: Subscription["status"], note?: string): void {
  const now = world.clock.now();
  Object.assign(subscription, { status, note, statusAt: now, updatedAt: now });
}

/** @throws Refused 422 SUBSCRIPTION_STATUS_INVALID when it is in another state. */
export function demandStatus({ status }: Subscription, ...wanted: Subscription["status"][]): void {
  if (!wanted.includes(status)) throw refused("SUBSCRIPTION_STATUS_INVALID", `Invalid subscription status for this action: ${status}.`);
}

/** Tells the webhooks. `changes` is what the event says otherwise than the subscription itself does. */
export function tellSubscription(world: World, subscription: Subscription, what: string, changes: object = {}): void {
  world.emit(subscription.merchant, `BILLING.SUBSCRIPTION.${what}`, "subscription", {
    ...subscriptionBody(world, subscription),
    ...changes,
  });
}

export function billingInfo(world: World, subscription: Subscription) {
  const plan = planOf(world, subscription);
  const { stamp } = world.clock;
  const money = (minor: bigint) => amountOf(minor, codeOf(plan));
  const { lastPayment, lastFailure, nextBillingAt } = subscription;
  return {
    outstanding_balance: money(subscription.outstanding),
    cycle_executions: plan.billing_cycles.map(({ tenure_type, sequence }) => {
      const [done, total] = [subscription.completed.get(sequence) ?? 0, totalCycles(plan, subscription, sequence)];
      const version = schemeNow(world, subscription, sequence)?.version;
      return {
        ...{ tenure_type, sequence, cycles_completed: done, cycles_remaining: Math.max(0, total - done), total_cycles: total },
        ...(version && { current_pricing_scheme_version: version }),
      };
    }),
    ...(lastPayment && { last_payment: { amount: lastPayment.amount, time: stamp(lastPayment.time) } }),
    ...(nextBillingAt !== null && subscription.status === "ACTIVE" && { next_billing_time: stamp(nextBillingAt) }),
    ...(subscription.endsAt !== null && { final_payment_time: stamp(subscription.endsAt) }),
    failed_payments_count: subscription.failures,
    ...(lastFailure && {
      last_failed_payment: {
        amount: lastFailure.amount,
        time: stamp(lastFailure.time),
        reason_code: "PAYMENT_DENIED",
        ...(lastFailure.retryAt !== null && { next_payment_retry_time: stamp(lastFailure.retryAt) }),
      },
    }),
  };
}

export function linksOf(world: World, { id, status, approvalToken, revision }: Subscription) {
  const self = `${world.origin}/v1/billing/subscriptions/${id}`;
  const action = (...names: string[]) => names.map((rel) => ({ href: `${self}/${rel}`, rel, method: "POST" }));
  const approve = { href: `${world.origin}/webapps/billing/subscriptions?ba_token=${approvalToken}`, rel: "approve", method: "GET" };
  const open = status === "APPROVAL_PENDING" || revision ? [approve] : [];
  const moves = { ACTIVE: action("suspend", "cancel", "capture"), SUSPENDED: action("activate", "cancel") }[status as string] ?? [];
  return [...open, { href: self, rel: "edit", method: "PATCH" }, { href: self, rel: "self", method: "GET" }, ...moves];
}

export function subscriptionBody(world: World, subscription: Subscription, withPlan = false) {
  const { id, status, note, quantity, shipping, customId, subscriber, override } = subscription;
  const { stamp } = world.clock;
  const isBilled = status !== "APPROVAL_PENDING" && status !== "APPROVED";
  return {
    id,
    plan_id: subscription.planId,
    status,
    status_update_time: stamp(subscription.statusAt),
    ...(note && { status_change_note: note }),
    start_time: stamp(subscription.startsAt),
    ...(quantity !== null && { quantity: String(quantity) }),
    ...(shipping && { shipping_amount: shipping }),
    ...(customId && { custom_id: customId }),
    subscriber,
    ...(isBilled && { billing_info: billingInfo(world, subscription) }),
    plan_overridden: override !== null,
    ...(withPlan && { plan: planBody(world, planOf(world, subscription)) }),
    create_time: stamp(subscription.createdAt),
    update_time: stamp(subscription.updatedAt),
    links: linksOf(world, subscription),
  };
}
