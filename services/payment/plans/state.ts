import type { PlanStatus } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";

export const planMoves = ["activate", "deactivate", "price"] as const;
export type PlanMove = (typeof planMoves)[number];

/** In which states PayPal lets a move happen. Source: Subscriptions v1. */
const origins: Record<PlanMove, readonly PlanStatus[]> = {
  activate: ["created", "inactive"],
  deactivate: ["active"],
  price: ["created", "active"],
};
export const canDo = (status: PlanStatus, move: PlanMove) => origins[move].includes(status);

/** @throws PLAN_STATE_CONFLICT */
export function insist(id: string, status: PlanStatus, move: PlanMove): void {
  if (canDo(status, move)) return;
  const what = move === "price" ? "given other prices" : `${move}d`;
  const message = `A plan that is ${status} can't be ${what}; it must be ${origins[move].join(" or ")}.`;
  throw errors.planState(message, { planId: id, status, move, allowed: origins[move] });
}

/** PayPal's word as ours; null for one that is not known. */
export function statusOf(word: string): PlanStatus | null {
  if (word === "CREATED") return "created";
  if (word === "ACTIVE") return "active";
  return word === "INACTIVE" ? "inactive" : null;
}
