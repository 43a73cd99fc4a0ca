import { errors, type Fault } from "../../../config/errors.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { subscriptionsGateway, type SubscriptionsGateway } from "../gateway/subscriptions.ts";
import { formatAmount, parseAmount } from "../money.ts";
import { alone } from "../subscriptions/alone.ts";
import { announce, closeAttempt, openAttempts, resolveAttempt } from "../subscriptions/attempts.ts";
import { refusal, unconfirmed } from "../subscriptions/issues.ts";
import type { Till } from "../till.ts";
import { lookAtPlan } from "./refresh.ts";
import { insist, type PlanMove } from "./state.ts";
import { termFaults, type Cycle, type Terms } from "./terms.ts";

/** A cycle's new price, by the cycle's place in the plan, from 1. */
export interface NewPrice extends Pick<Cycle, "price" | "model" | "tiers"> {
  cycle: number;
}

/**
 * Lets nobody (or everybody again) subscribe to a plan. Who is subscribed goes on either way.
 * @throws PLAN_STATE_CONFLICT, PAYMENT_GATEWAY_UNAVAILABLE (it may have happened: ask again)
 */
export const setActive = (till: Till, id: string, active: boolean): Promise<PlanRow> =>
  moving(
    till,
    id,
    active ? "activate" : "deactivate",
    ({ status }) => status === (active ? "active" : "inactive"),
    (gateway, paypalId) => (active ? gateway.activatePlan(paypalId) : gateway.deactivatePlan(paypalId)),
  );

/**
 * Gives a plan other prices. PayPal charges them from new subscribers at once, and from those who are subscribed with payments that are due more than
 * ten days later.
 * @throws VALIDATION_FAILED, PLAN_STATE_CONFLICT, PAYMENT_GATEWAY_UNAVAILABLE (it may have happened: ask again)
 */
export async function changePrices(till: Till, plan: PlanRow, prices: NewPrice[]): Promise<PlanRow> {
  const wanted = withPrices(plan.terms as Terms, prices);
  describeAct({ details: { cycles: prices.map(({ cycle }) => String(cycle)) } });
  return moving(
    till,
    plan.id,
    "price",
    ({ terms }) => prices.every(({ cycle }) => isSamePrice((terms as Terms).cycles[cycle - 1]!, wanted.cycles[cycle - 1]!, wanted)),
    (gateway, paypalId) =>
      gateway.changePrices(
        paypalId,
        prices.map(({ cycle: sequence }) => ({ sequence, terms: wanted })),
      ),
  );
}

/** @throws VALIDATION_FAILED */
function withPrices(terms: Terms, prices: NewPrice[]): Terms {
  const faults: Fault[] = [];
  const cycles = [...terms.cycles];
  prices.forEach(({ cycle, price, model, tiers }, index) => {
    const { price: _price, model: _model, tiers: _tiers, ...time } = terms.cycles[cycle - 1] ?? {};
    if (!terms.cycles[cycle - 1])
      faults.push({ pointer: `/prices/${index}/cycle`, detail: `must be from 1 to ${terms.cycles.length}; ${cycle} came` });
    else if (prices.findIndex((other) => other.cycle === cycle) !== index)
      faults.push({ pointer: `/prices/${index}/cycle`, detail: "must not come twice" });
    else if (price === undefined && tiers === undefined) faults.push({ pointer: `/prices/${index}`, detail: "must have a price or tiers" });
    else
      cycles[cycle - 1] = {
        ...(time as Cycle),
        ...(price !== undefined && { price }),
        ...(model !== undefined && { model }),
        ...(tiers !== undefined && { tiers }),
      };
  });
  const changed = { ...terms, cycles };
  for (const { pointer, detail } of termFaults(changed)) faults.push({ pointer: pointedAt(pointer, prices), detail });
  if (faults.length) throw errors.invalid(faults);
  return changed;
}

/** A fault of a cycle, as one of the price that was asked for it. */
const pointedAt = (pointer: string, prices: NewPrice[]) =>
  pointer.replace(/^\/cycles\/(\d+)/, (_all, at: string) => `/prices/${prices.findIndex(({ cycle }) => cycle === Number(at) + 1)}`);

function isSamePrice(one: Cycle, other: Cycle, { currency }: Terms): boolean {
  const written = (amount: string) => formatAmount(parseAmount(amount, currency), currency);
  const told = ({ price = "0", model, tiers }: Cycle) =>
    JSON.stringify(tiers ? [model, tiers.map(({ from, to, amount }) => [from, to ?? null, written(amount)])] : written(price));
  return told(one) === told(other);
}

/** Looks, asks unless it is so already, and looks again. PayPal takes no request id for what is done to plans. */
async function moving(
  till: Till,
  id: string,
  move: PlanMove,
  isSo: (plan: PlanRow) => boolean,
  ask: (gateway: SubscriptionsGateway, paypalId: string) => Promise<Outcome<true>>,
): Promise<PlanRow> {
  const found = await alone(till.db, "plans", id, 10_000, async (claim) => {
    const known = await till.db.system((em) => em.findOneOrFail(Plan, { id }));
    if (!known.paypalPlanId) insist(id, known.status, move);
    const { answer: seen, plan } = await lookAtPlan(till, known, claim);
    if (seen.outcome === "refused") throw refusal(seen, "plan", { planId: id });
    if (seen.outcome === "unknown") throw unconfirmed(seen, { planId: id });
    const open = (await till.db.system((em) => openAttempts(em, id))).find(({ operation }) => operation === move);
    if (open && isSo(plan)) {
      await till.db.system((em) => resolveAttempt(em, open, "ok", null));
      return plan;
    }
    insist(id, plan.status, move);
    const attempt = await announce(till.db, plan, move, { move }, null);
    const answer = await ask(subscriptionsGateway((await till.paypal(plan.tenantId)).connection), plan.paypalPlanId!);
    await till.db.system((em) => closeAttempt(em, attempt.id, answer));
    if (answer.outcome === "refused") throw refusal(answer, "plan", { planId: id });
    const after = await lookAtPlan(till, plan, claim);
    if (answer.outcome === "unknown" && !isSo(after.plan)) throw unconfirmed(answer, { planId: id });
    if (answer.outcome === "unknown") await till.db.system((em) => resolveAttempt(em, attempt, "ok", null));
    return after.plan;
  });
  if (!found.done) throw errors.conflict("The plan is being worked on; try again in a while.", { planId: id });
  return found.value;
}
