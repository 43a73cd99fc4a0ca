import { errors } from "../../../config/errors.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Outcome } from "../gateway/gateway.ts";
import type { SubscriptionsGateway } from "../gateway/subscriptions.ts";
import { alone } from "../subscriptions/alone.ts";
import { announce, closeAttempt, openAttempts, resolveAttempt } from "../subscriptions/attempts.ts";
import { refusal, unconfirmed } from "../subscriptions/issues.ts";
import { gatewayOf } from "../subscriptions/look.ts";
import type { Till } from "../till.ts";
import { isSamePrice, withPrices, type NewPrice } from "./prices.ts";
import { lookAtPlan } from "./refresh.ts";
import { insist, type PlanMove } from "./state.ts";
import type { Cycle, Terms } from "./terms.ts";

/** What is wished for, kept with the attempt: a look tells whether it is so. */
type Wish = { move: "activate" | "deactivate" } | { move: "price"; changed: number[]; cycles: Cycle[] };

/**
 * Lets nobody (or everybody again) subscribe to a plan. Who is subscribed goes on either way.
 * @throws PLAN_STATE_CONFLICT, PAYMENT_GATEWAY_UNAVAILABLE (it may have happened: ask again)
 */
export const setActive = (till: Till, id: string, active: boolean): Promise<PlanRow> =>
  moving(till, id, { move: active ? "activate" : "deactivate" });

/**
 * Gives a plan other prices. PayPal charges them from new subscribers at once, and from those who are subscribed with payments that are due more than
 * ten days later.
 * @throws VALIDATION_FAILED, PLAN_STATE_CONFLICT, PAYMENT_GATEWAY_UNAVAILABLE (it may have happened: ask again)
 */
export async function changePrices(till: Till, plan: PlanRow, prices: NewPrice[]): Promise<PlanRow> {
  const { cycles } = withPrices(plan.terms as Terms, prices);
  const changed = prices.map(({ cycle }) => cycle);
  describeAct({ details: { cycles: changed.map(String) } });
  return await moving(till, plan.id, { move: "price", changed, cycles });
}

function isSo({ status, terms }: PlanRow, wish: Wish): boolean {
  if (wish.move !== "price") return status === (wish.move === "activate" ? "active" : "inactive");
  const { cycles } = terms as Terms;
  return wish.changed.every((at) => isSamePrice(cycles[at - 1]!, wish.cycles[at - 1]!, terms as Terms));
}

function ask(gateway: SubscriptionsGateway, { paypalPlanId, terms }: PlanRow, wish: Wish): Promise<Outcome<true>> {
  const id = paypalPlanId!;
  if (wish.move !== "price") return wish.move === "activate" ? gateway.activatePlan(id) : gateway.deactivatePlan(id);
  const wanted = { ...(terms as Terms), cycles: wish.cycles };
  return gateway.changePrices(
    id,
    wish.changed.map((sequence) => ({ sequence, terms: wanted })),
  );
}

/** Looks, asks unless it is so already, and looks again. PayPal takes no request id for what is done to plans. */
async function moving(till: Till, id: string, wish: Wish): Promise<PlanRow> {
  const { move } = wish;
  const found = await alone(till.db, "plans", id, 10_000, async (claim) => {
    const known = await till.db.system((em) => em.findOneOrFail(Plan, { id }));
    if (!known.paypalPlanId) insist(id, known.status, move);
    const { answer: seen, plan } = await lookAtPlan(till, known, claim);
    if (seen.outcome === "refused") throw refusal(seen, "plan", { planId: id });
    if (seen.outcome === "unknown") throw unconfirmed(seen, { planId: id });
    const open = await openMove(till, id, move);
    if (open && isSo(plan, wish)) {
      await till.db.system((em) => resolveAttempt(em, open, "ok", null));
      return plan;
    }
    insist(id, plan.status, move);
    const attempt = await announce(till.db, "plans", plan, move, wish, null);
    const answer = await ask(await gatewayOf(till, plan), plan, wish);
    await till.db.system((em) => closeAttempt(em, attempt.id, answer));
    const after = await lookAtPlan(till, plan, claim);
    if (answer.outcome === "refused") throw refusal(answer, "plan", { planId: id });
    if (answer.outcome === "unknown" && !isSo(after.plan, wish)) throw unconfirmed(answer, { planId: id });
    if (answer.outcome === "unknown") await till.db.system((em) => resolveAttempt(em, attempt, "ok", null));
    return after.plan;
  });
  if (!found.done) throw errors.conflict("The plan is being worked on; try again in a while.", { planId: id });
  return found.value;
}

const openMove = async (till: Till, id: string, move: PlanMove) =>
  (await till.db.system((em) => openAttempts(em, id))).find(({ operation }) => operation === move);

/** Finds out what became of what was asked for a claimed plan without an answer. What did not happen is not asked for again: whoever wished it was told. */
export async function takeUpPlan(till: Till, id: string, claim: string): Promise<void> {
  const known = await till.db.system((em) => em.findOneOrFail(Plan, { id }));
  const { answer, plan } = await lookAtPlan(till, known, claim);
  if (answer.outcome !== "ok") return;
  await till.db.system(async (em) => {
    for (const attempt of await openAttempts(em, id)) {
      const happened = "move" in attempt.request && isSo(plan, attempt.request as Wish);
      await resolveAttempt(em, attempt, happened ? "ok" : "refused", happened ? null : "NOT_CONFIRMED");
    }
  });
}
