import { describe, expect, it } from "@jest/globals";
import { attemptOperations } from "../../entities/PaymentAttempt.ts";
import { declaredIssues } from "./gateway/declared.ts";
import { isKnownIssue, turnAfter, turns } from "./issues.ts";

describe("PayPal's issues", () => {
  it.each(attemptOperations)("of %s all have a meaning here, each one that PayPal declares", (operation) => {
    expect(declaredIssues[operation].length).toBeGreaterThan(5);
    expect(declaredIssues[operation].filter((issue) => !isKnownIssue(issue))).toEqual([]);
    expect(declaredIssues[operation].filter((issue) => !turns.includes(turnAfter(issue, 422)))).toEqual([]);
  });

  it.each([
    ["INSTRUMENT_DECLINED", 422, "payer"],
    ["PAYER_ACTION_REQUIRED", 422, "payer"],
    ["PAYEE_ACCOUNT_RESTRICTED", 422, "operator"],
    ["PERMISSION_DENIED", 403, "operator"],
    ["ORDER_ALREADY_CAPTURED", 422, "look"],
    ["DUPLICATE_INVOICE_ID", 422, "look"],
    ["CAPTURE_FULLY_REFUNDED", 422, "look"],
    ["TRANSACTION_REFUSED", 422, "final"],
    ["REFUND_TIME_LIMIT_EXCEEDED", 422, "final"],
    ["MISSING_REQUIRED_PARAMETER", 400, "fault"],
    ["NEVER_HEARD_OF", 422, "final"],
    ["NEVER_HEARD_OF", 403, "operator"],
    ["AUTHENTICATION_FAILURE", 401, "operator"],
  ])("%s with %i leaves the next step to: %s", (issue, status, turn) => {
    expect(turnAfter(issue, status)).toBe(turn);
  });

  it("have one meaning each", () => {
    const all = [...new Set(Object.values(declaredIssues).flat())];
    expect(all.length).toBeGreaterThan(180);
    for (const issue of all) expect(turnAfter(issue, 422)).toBe(turnAfter(issue, 400));
  });
});
