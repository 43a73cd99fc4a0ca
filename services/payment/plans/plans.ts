import { LockMode, raw } from "@mikro-orm/core";
import type { Page } from "../../../config/action.ts";
import type { PlanStatus } from "../../../config/states.ts";
import { Plan, type PlanRow } from "../../../entities/Plan.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Condition } from "../../../mixins/policy/sql.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import { sweepDue } from "../due.ts";
import { alone } from "../subscriptions/alone.ts";
import { ignoreRefusal } from "../subscriptions/issues.ts";
import type { Till } from "../till.ts";
import { submitPlan } from "./create.ts";
import { takeUpPlan } from "./moves.ts";
import { missingPlan } from "./refresh.ts";
import type { Terms } from "./terms.ts";

/** A plan as its tenant sees it. Amounts are decimal strings in the currency's own precision. */
export interface ShownPlan extends Omit<Terms, "currency"> {
  id: string;
  name: string;
  description: string | null;
  status: PlanStatus;
  currency: string;
  /** For how long whoever does not pay remains entitled. */
  graceDays: number;
  paypalPlanId: string | null;
  productId: string;
  simulated: boolean;
  /** What stands in the way, or why it failed. */
  failure: { type: string; message: string } | null;
  createdAt: string;
}

export function showPlan(plan: PlanRow): ShownPlan {
  return {
    ...(plan.terms as Terms),
    id: plan.id,
    name: plan.name,
    description: plan.description ?? null,
    status: plan.status,
    graceDays: plan.graceDays,
    paypalPlanId: plan.paypalPlanId ?? null,
    productId: plan.productId,
    simulated: plan.simulated,
    failure: plan.failureType ? { type: plan.failureType, message: plan.failureMessage ?? "" } : null,
    createdAt: plan.createdAt.toISOString(),
  };
}

/** @throws PLAN_NOT_FOUND, also for another organisation's */
export async function readOwnPlan(db: Database, tenantId: string, id: string): Promise<PlanRow> {
  const plan = await db.tenant(tenantId, (em) => em.findOne(Plan, { id, tenantId }));
  if (!plan) throw missingPlan(id);
  return plan;
}

/** Changes what concerns us alone: PayPal knows no grace. @throws PLAN_NOT_FOUND */
export const setGrace = (db: Database, tenantId: string, id: string, graceDays: number): Promise<PlanRow> =>
  db.tenant(tenantId, async (em) => {
    const plan = await em.findOne(Plan, { id, tenantId }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (!plan) throw missingPlan(id);
    plan.graceDays = graceDays;
    plan.updatedAt = new Date();
    return plan;
  });

/** The organisation's plans, newest first. @param seen those that the caller may see */
export async function listPlans(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, status }: { limit?: number; cursor?: string; status?: PlanStatus },
  seen: Condition,
): Promise<Page<ShownPlan>> {
  const scope = ["plans", tenantId, status ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const [at, id] = from ? [new Date(String(from.after[0])), String(from.after[1])] : [];
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      Plan,
      {
        tenantId,
        [raw(seen.sql, seen.values)]: [],
        ...(status && { status }),
        ...(at && id && { $or: [{ createdAt: { $lt: at } }, { createdAt: at, id: { $lt: id } }] }),
      },
      { orderBy: { createdAt: "desc", id: "desc" }, limit: limit + 1 },
    ),
  );
  const cursorOf = (last: PlanRow) => encodeCursor(clusterSecret, scope, { after: [last.createdAt.toISOString(), last.id] });
  return pageOf(found, limit, from !== undefined, showPlan, cursorOf);
}

/** Asks again for plans that PayPal has not confirmed, and finds out what became of what was asked for the others. See `sweepDue`. */
export const sweepPlans = (till: Till, limit: number, signal?: AbortSignal): Promise<number> =>
  sweepDue(till, "plans", limit, (id) => lookAt(till, id), signal);

async function lookAt(till: Till, id: string): Promise<void> {
  const { paypalPlanId } = await till.db.system((em) => em.findOneOrFail(Plan, { id }));
  const takeUp = (claim: string) => (paypalPlanId ? takeUpPlan(till, id, claim) : submitPlan(till, id, claim));
  await alone<unknown>(till.db, "plans", id, 0, takeUp).catch(ignoreRefusal);
}
