import { describe, expect, it } from "@jest/globals";
import { planStatuses, type PlanStatus } from "../../../config/states.ts";
import { insist, planMoves, statusOf, type PlanMove } from "./state.ts";

const allowed: Record<PlanMove, PlanStatus[]> = { activate: ["created", "inactive"], deactivate: ["active"], price: ["created", "active"] };

describe("the states of a plan", () => {
  const walk = planMoves.flatMap((move) => planStatuses.map((status) => ({ move, status })));
  it.each(walk)("$move of one that is $status is done or refused as PayPal would", ({ move, status }) => {
    const asked = () => insist("id", status, move);
    if (allowed[move].includes(status)) expect(asked).not.toThrow();
    else expect(asked).toThrow(expect.objectContaining({ type: "PLAN_STATE_CONFLICT", code: 409 }));
  });

  it("are PayPal's own", () => {
    expect(["CREATED", "ACTIVE", "INACTIVE", "OTHER"].map(statusOf)).toEqual(["created", "active", "inactive", null]);
  });
});
