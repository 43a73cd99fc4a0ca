import { errors, type Fault } from "../../../config/errors.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Terms } from "../plans/terms.ts";
import type { Till } from "../till.ts";
import { announce, closeAttempt } from "./attempts.ts";
import { refusal, unconfirmed } from "./issues.ts";
import { exclusively, look } from "./look.ts";
import { insistOnLook } from "./moves.ts";
import { writing } from "./record.ts";
import { insist } from "./state.ts";

export interface PlanChange {
  planId: string;
  quantity?: number;
}

/** Where PayPal sends a payer back to. */
export const returnUrls = ({ publicUrl }: Pick<Till, "publicUrl">, id: string) => {
  const back = `${publicUrl}/api/v1/subscriptions/${id}/return`;
  return { returnUrl: back, cancelUrl: `${back}?cancelled=true` };
};

/** The quantity to tell PayPal, which refuses one for plans without quantities. */
export const quantityFor = (plan: PlanRow, quantity: number): number | null => ((plan.terms as Terms).quantitySupported ? quantity : null);

/** Why nobody can subscribe to so many of a plan. */
export function planFaults(plan: PlanRow, quantity: number): Fault[] {
  const faults: Fault[] = [];
  if (plan.status !== "active" || !plan.paypalPlanId)
    faults.push({ pointer: "/planId", detail: `must be an active plan; this one is ${plan.status}` });
  if (quantity !== 1 && !(plan.terms as Terms).quantitySupported)
    faults.push({ pointer: "/quantity", detail: `must be 1: the plan knows no quantities; ${quantity} came` });
  return faults;
}

/**
 * Asks PayPal for another plan or quantity. Nothing changes before the payer has agreed at the address that the answer holds; who never agrees goes on
 * as before. Asking again is harmless, and gives a new address.
 * @throws VALIDATION_FAILED, PLAN_NOT_FOUND, PLAN_NOT_COMPATIBLE, SUBSCRIPTION_STATE_CONFLICT, PAYMENT_GATEWAY_UNAVAILABLE
 */
export function changePlan(till: Till, id: string, { planId, quantity }: PlanChange): Promise<SubscriptionRow> {
  describeAct({ details: { planId } });
  return exclusively(till, id, async (gateway, known, claim) => {
    if (!known.paypalSubscriptionId) insist(id, known.status, "change");
    const subscription = insistOnLook(await look(till, gateway, known, claim));
    insist(id, subscription.status, "change");
    const wanted = quantity ?? subscription.quantity;
    const plan = await target(till, subscription, planId, wanted);
    const to = { planId: plan.paypalPlanId!, quantity: quantityFor(plan, wanted) };
    const attempt = await announce(till.db, "subscriptions", subscription, "change", to, null);
    const answer = await gateway.change(subscription.paypalSubscriptionId!, { ...to, ...returnUrls(till, id) });
    const written = await writing(till.db, id, null, async (em, locked) => {
      await closeAttempt(em, attempt.id, answer);
      if (answer.outcome === "ok")
        Object.assign(locked, { nextPlanId: plan.id, nextQuantity: wanted, changeUrl: answer.value.approvalUrl });
    });
    if (answer.outcome === "refused") throw refusal(answer, "subscription", { subscriptionId: id, planId });
    if (answer.outcome === "unknown") throw unconfirmed(answer, { subscriptionId: id, planId });
    // Without an address there is nothing to agree to: it has changed.
    return answer.value.approvalUrl ? written! : (await look(till, gateway, written!, claim)).subscription;
  });
}

async function target(till: Till, subscription: SubscriptionRow, planId: string, quantity: number): Promise<PlanRow> {
  const { tenantId } = subscription;
  const [plan, present] = await till.db.tenant(tenantId, (em) =>
    Promise.all([em.findOne(Plan, { id: planId, tenantId }), em.findOne(Plan, { id: subscription.planId, tenantId })]),
  );
  if (!plan) throw errors.planNotFound("There is no such plan.", { id: planId });
  const faults = planFaults(plan, quantity);
  if (plan.id === subscription.planId && quantity === subscription.quantity)
    faults.push({ pointer: "/planId", detail: "must be another plan or come with another quantity" });
  if (faults.length) throw errors.invalid(faults);
  if (present && present.productId !== plan.productId)
    throw errors.planIncompatible("PayPal changes a subscription between plans of one product alone.", { planId, from: present.id });
  return plan;
}
