import { type Amount, demandAmount } from "./amounts.ts";
import { Complaints } from "./complaints.ts";
import { paypalId } from "./ids.ts";
import type { Cycle, NewPlan } from "./newplan.ts";
import type { Plan } from "./plans.ts";
import { currencyOf, demandScheme } from "./pricing.ts";
import { refused } from "./replies.ts";
import { codeOf, type Override, type Revision, type Subscription } from "./subscriptions.ts";
import type { World } from "./world.ts";

interface Wish {
  plan_id?: string;
  start_time?: string;
  quantity?: string;
  shipping_amount?: Amount;
  custom_id?: string;
  subscriber?: Record<string, unknown>;
  plan?: Partial<Pick<NewPlan, "payment_preferences" | "taxes">> & { billing_cycles?: Partial<Cycle>[] };
  application_context?: { user_action?: Subscription["userAction"]; return_url?: string; cancel_url?: string };
}

function complainAbout(complaints: Complaints, wish: Wish): void {
  complaints.text(wish.custom_id, "/custom_id", 127);
  complaints.amount(wish.shipping_amount, "/shipping_amount");
  complaints.word(wish.application_context?.user_action, "/application_context/user_action", ["SUBSCRIBE_NOW", "CONTINUE"]);
  if (wish.quantity !== undefined && !/^[1-9]\d{0,31}$/.test(wish.quantity))
    complaints.add("INVALID_PARAMETER_SYNTAX", "/quantity", String(wish.quantity));
  for (const cycle of wish.plan?.billing_cycles ?? [])
    complaints.amount(cycle.pricing_scheme?.fixed_price, "/plan/billing_cycles/pricing_scheme/fixed_price");
}

/** The plan's own values that a subscription replaces. @throws Refused when they do not go with the plan. */
function overrideOf(plan: Plan, wish: Wish["plan"]): Override | null {
  if (!wish) return null;
  const schemes: Override["schemes"] = new Map();
  const totals: Override["totals"] = new Map();
  for (const { sequence, pricing_scheme, total_cycles } of wish.billing_cycles ?? []) {
    if (!plan.billing_cycles.some((cycle) => cycle.sequence === sequence)) throw refused("INVALID_BILLING_CYCLE_SEQUENCE");
    if (pricing_scheme) {
      demandScheme(pricing_scheme, plan.quantity_supported);
      if (currencyOf(pricing_scheme) !== codeOf(plan)) throw refused("CURRENCY_MISMATCH");
      schemes.set(sequence!, pricing_scheme);
    }
    if (total_cycles !== undefined) totals.set(sequence!, total_cycles);
  }
  return { schemes, totals, payment_preferences: wish.payment_preferences ?? {}, taxes: wish.taxes };
}

function demandFit(plan: Plan, wish: Wish): Pick<Revision, "quantity" | "shipping" | "override"> {
  if (plan.status !== "ACTIVE") throw refused("PLAN_STATUS_INVALID", "The plan is not active.");
  if (wish.quantity !== undefined && !plan.quantity_supported)
    throw refused("SUBSCRIPTION_CANNOT_HAVE_QUANTITY", "The plan does not support a quantity.");
  if (wish.shipping_amount) {
    demandAmount(wish.shipping_amount, { sign: "zero", field: "/shipping_amount/value" });
    if (wish.shipping_amount.currency_code !== codeOf(plan)) throw refused("CURRENCY_MISMATCH");
  }
  const quantity = wish.quantity === undefined ? null : BigInt(wish.quantity);
  return { quantity, shipping: wish.shipping_amount, override: overrideOf(plan, wish.plan) };
}

/** @throws Refused naming every schema fault, else the first thing that does not go with the plan. */
export function newSubscription(world: World, merchant: string, body: Record<string, unknown>): Subscription {
  const wish = body as Wish;
  const now = world.clock.now();
  const complaints = new Complaints();
  complaints.text(wish.plan_id, "/plan_id", 50, true);
  complainAbout(complaints, wish);
  const startsAt = wish.start_time === undefined ? now : Date.parse(wish.start_time);
  // PayPal's clock and the merchant's are not the same: a moment ago still counts as now.
  if (!(startsAt >= now - 60_000)) complaints.add("INVALID_PARAMETER_VALUE", "/start_time", wish.start_time);
  complaints.finish();
  const plan = world.plans.get(wish.plan_id!, merchant);
  const { user_action = "SUBSCRIBE_NOW", return_url = null, cancel_url = null } = wish.application_context ?? {};
  return {
    ...demandFit(plan, wish),
    ...{ id: `I-${paypalId(12)}`, merchant, approvalToken: `BA-${paypalId()}`, planId: plan.id },
    ...{ status: "APPROVAL_PENDING", note: undefined, isOverThreshold: false, startsAt, anchorAt: startsAt, customId: wish.custom_id },
    ...{ subscriber: wish.subscriber ?? {}, userAction: user_action, returnUrl: return_url, cancelUrl: cancel_url },
    ...{ completed: new Map<number, number>(), sequence: 1, nextBillingAt: null, retryAt: null, endsAt: null },
    ...{ outstanding: 0n, failures: 0, lastPayment: null, lastFailure: null, revision: null },
    ...{ createdAt: now, updatedAt: now, statusAt: now },
  };
}

/** What the payer is to agree to. @throws Refused like a new one, and when the plan is one of another product. */
export function newRevision(world: World, subscription: Subscription, body: Record<string, unknown>): Revision {
  const wish = body as Wish;
  const complaints = new Complaints();
  complainAbout(complaints, wish);
  complaints.finish();
  const current = world.plans.get(subscription.planId, subscription.merchant);
  const plan = wish.plan_id === undefined ? current : world.plans.get(wish.plan_id, subscription.merchant);
  if (plan.product_id !== current.product_id) throw refused("PLAN_PRODUCT_NOT_COMPATIBLE", "The plan is one of another product.");
  const { quantity, shipping, override } = demandFit(plan, wish);
  return {
    planId: plan.id,
    quantity: quantity ?? (plan.quantity_supported ? subscription.quantity : null),
    shipping: shipping ?? subscription.shipping,
    override: override ?? (plan === current ? subscription.override : null),
  };
}
