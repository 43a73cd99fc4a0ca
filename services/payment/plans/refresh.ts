import { LockMode } from "@mikro-orm/core";
import { errors } from "../../../config/errors.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import type { PlanView, PriceView } from "../gateway/billing.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { formatAmount } from "../money.ts";
import { waitMs } from "../schedule.ts";
import { alone } from "../subscriptions/alone.ts";
import { gatewayOf } from "../subscriptions/look.ts";
import type { Till } from "../till.ts";
import { statusOf } from "./state.ts";
import type { Cycle, Terms } from "./terms.ts";

export const missingPlan = (id: string) => errors.planNotFound("There is no such plan.", { id });

/** Writes to a plan under its row's lock, in a transaction of its own; nothing once the claim, when given, is another's. @throws PLAN_NOT_FOUND */
export function writingPlan(
  db: Database,
  id: string,
  claim: string | null,
  change: (em: Em, plan: PlanRow) => Promise<void> | void,
): Promise<PlanRow> {
  return db.system(async (em) => {
    const plan = await em.findOne(Plan, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!plan) throw missingPlan(id);
    if (claim === null || plan.claim === claim) await change(em, plan);
    return plan;
  });
}

/** What PayPal shows of a plan: its state, and prices, which may be changed at PayPal too. A minimal answer shows no prices, and changes none. */
export function mirrorPlan(plan: PlanRow, view: PlanView): void {
  const terms = plan.terms as Terms;
  plan.paypalPlanId = view.id;
  plan.status = statusOf(view.status) ?? plan.status;
  plan.failureType = plan.failureMessage = plan.nextCheckAt = null;
  plan.checks = 0;
  const cycles = terms.cycles.map((cycle, index) =>
    priced(
      cycle,
      view.prices.find(({ sequence }) => sequence === index + 1),
    ),
  );
  plan.terms = { ...terms, cycles };
  plan.updatedAt = new Date();
}

function priced(cycle: Cycle, shown: PriceView | undefined): Cycle {
  const { price: _price, model: _model, tiers: _tiers, ...time } = cycle;
  if (shown?.tiers.length) {
    const tiers = shown.tiers.map(({ from, to, amount }) => ({
      from,
      ...(to !== null && { to }),
      amount: formatAmount(amount.amountMinor, amount.currency),
    }));
    return { ...time, model: shown.model === "VOLUME" ? "volume" : "tiered", tiers };
  }
  return shown?.fixed ? { ...time, price: formatAmount(shown.fixed.amountMinor, shown.fixed.currency) } : cycle;
}

/** Reads a claimed plan at PayPal and writes what it shows. */
export async function lookAtPlan(till: Till, plan: PlanRow, claim: string): Promise<{ answer: Outcome<PlanView>; plan: PlanRow }> {
  const answer = await (await gatewayOf(till, plan)).getPlan(plan.paypalPlanId ?? "");
  const written = await writingPlan(till.db, plan.id, claim, (_em, locked) => {
    if (answer.outcome === "ok") return mirrorPlan(locked, answer.value);
    locked.checks++;
    if (locked.nextCheckAt) locked.nextCheckAt = new Date(Date.now() + waitMs(locked.checks));
  });
  return { answer, plan: written };
}

/** Reads a plan anew, unless another one works on it all the time: then that one looks. */
export async function refreshPlan(till: Till, id: string, waitMs: number): Promise<void> {
  await alone(till.db, "plans", id, waitMs, async (claim) => {
    const plan = await till.db.system((em) => em.findOneOrFail(Plan, { id }));
    if (plan.paypalPlanId) await lookAtPlan(till, plan, claim);
  });
}
