import { describe, expect, it } from "@jest/globals";
import { subscriptionStatuses, type SubscriptionStatus } from "../../../config/states.ts";
import { canFollow, hasReached, insist, isOver, statusOf, subscriptionMoves, type SubscriptionMove } from "./state.ts";

/** What PayPal's pages allow, written down a second time on purpose. */
const allowed: Record<SubscriptionMove, SubscriptionStatus[]> = {
  suspend: ["active", "past_due"],
  resume: ["suspended"],
  cancel: ["active", "past_due", "suspended"],
  change: ["active", "past_due"],
  capture: ["active", "past_due", "suspended", "expired"],
};

describe("the states of a subscription", () => {
  const walk = subscriptionMoves.flatMap((move) => subscriptionStatuses.map((status) => ({ move, status })));
  it.each(walk)("$move of one that is $status is done or refused as PayPal would", ({ move, status }) => {
    const asked = () => insist("id", status, move);
    if (allowed[move].includes(status)) expect(asked).not.toThrow();
    else
      expect(asked).toThrow(
        expect.objectContaining({
          type: "SUBSCRIPTION_STATE_CONFLICT",
          code: 409,
          data: expect.objectContaining({ status, move }) as object,
        }),
      );
  });

  it("end for good: nothing follows cancelled, expired and failed, and nothing goes back to the payer's consent", () => {
    for (const from of subscriptionStatuses) {
      for (const to of ["created", "approval_pending"] as const)
        expect(canFollow(from, to)).toBe(from === "created" && to === "approval_pending");
      expect(isOver(from)).toBe(["cancelled", "expired", "failed"].includes(from));
    }
    for (const to of subscriptionStatuses) expect(canFollow("cancelled", to)).toBe(false);
  });

  it("are PayPal's own, but for one that PayPal calls active though its last payment failed", () => {
    const read = (status: string, failedPayments = 0) => statusOf({ status, failedPayments });
    expect(["APPROVAL_PENDING", "APPROVED", "ACTIVE", "SUSPENDED", "CANCELLED", "EXPIRED"].map((word) => read(word))).toEqual([
      "approval_pending",
      "approved",
      "active",
      "suspended",
      "cancelled",
      "expired",
    ]);
    expect(read("ACTIVE", 1)).toBe("past_due");
    expect(read("SOMETHING_NEW")).toBeNull();
  });

  it("show whether a move has been made", () => {
    for (const status of subscriptionStatuses) {
      expect(hasReached(status, "suspend")).toBe(status === "suspended");
      expect(hasReached(status, "cancel")).toBe(status === "cancelled");
      expect(hasReached(status, "resume")).toBe(status === "active" || status === "past_due");
    }
  });
});
