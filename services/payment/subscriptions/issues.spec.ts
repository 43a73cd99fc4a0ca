import { describe, expect, it } from "@jest/globals";
import { refusal } from "./issues.ts";

/** The issues that PayPal declares for refusals (422) of these operations, and for all of them. Source: Subscriptions v1 and Catalog Products v1. */
const terms = [
  ...[
    "CURRENCY_MISMATCH",
    "FIXED_PRICE_NOT_SUPPORTED",
    "INVALID_BILLING_CYCLE_SEQUENCE",
    "INVALID_PRICING_MODEL",
    "INVALID_PRICING_SCHEME",
  ],
  ...["INVALID_PRICING_TIER_AMOUNT", "INVALID_PRICING_TIER_QUANTITY", "MISSING_PRICING_SCHEME_TIERS", "OVERLAPPING_PRICING_SCHEME_TIERS"],
];
const state = "SUBSCRIPTION_STATE_CONFLICT";
const account = "PAYMENT_GATEWAY_DENIED";
const of = (issues: string[], type: string) => Object.fromEntries(issues.map((issue) => [issue, type]));
const everywhere = of(["USER_ACCOUNT_CLOSED", "INVALID_ACCOUNT_STATUS", "PERMISSION_DENIED"], account);

const plans: Record<string, Record<string, string>> = {
  "products.create": { ...of(["DUPLICATE_RESOURCE_IDENTIFIER"], "PLAN_REFUSED"), COUNTRY_NOT_SUPPORTED: account },
  "plans.create": {
    ...of(terms, "PLAN_REFUSED"),
    ...of(["INVALID_QUANTITY_SUPPORTED", "INVALID_TRIAL_BILLING_TOTAL_CYCLES", "MISSING_REGULAR_BILLING_CYCLE"], "PLAN_REFUSED"),
    ...of(["MORE_THAN_TWO_TRIAL_BILLING_CYCLE_NOT_SUPPORTED", "MULTIPLE_FREE_TRIAL_BILLING_CYCLES_NOT_SUPPORTED"], "PLAN_REFUSED"),
    ...of(["MULTIPLE_REGULAR_BILLING_CYCLES_NOT_SUPPORTED", "INVALID_METADATA_CUSTOM_NOTE", "INVALID_METADATA_INVOICE_ID"], "PLAN_REFUSED"),
    CURRENCY_NOT_SUPPORTED_FOR_RECEIVER: account,
  },
  "plans.activate and deactivate": { PLAN_STATUS_INVALID: "PLAN_STATE_CONFLICT", PLAN_STATUS_INACTIVE: "PLAN_STATE_CONFLICT" },
  "plans.update-pricing-schemes": { ...of(terms, "PLAN_REFUSED"), PRICING_SCHEME_UPDATE_NOT_ALLOWED: "PLAN_STATE_CONFLICT" },
};

const subscriptions: Record<string, Record<string, string>> = {
  "subscriptions.create": {
    ...of([...terms, "3DS_CARDS_NOT_SUPPORTED", "SUBSCRIPTION_CANNOT_HAVE_QUANTITY"], "SUBSCRIPTION_REFUSED"),
    CARD_SUBSCRIPTIONS_NOT_ENABLED: account,
    PLAN_STATUS_INVALID: "PLAN_STATE_CONFLICT",
  },
  "subscriptions.revise": { ...of(terms, "SUBSCRIPTION_REFUSED"), PLAN_PRODUCT_NOT_COMPATIBLE: "PLAN_NOT_COMPATIBLE" },
  "subscriptions.suspend and cancel": { SUBSCRIPTION_STATUS_INVALID: state },
  "subscriptions.activate": { SUBSCRIPTION_STATUS_INVALID: state, SUBSCRIPTION_CANNOT_BE_ACTIVATED: "SUBSCRIPTION_NOT_RESUMABLE" },
  "subscriptions.capture": {
    ...of(["SUBSCRIBER_ACCOUNT_CLOSED", "SUBSCRIBER_ACCOUNT_LOCKED", "SUBSCRIBER_ACCOUNT_RESTRICTED"], "PAYER_ACCOUNT_UNUSABLE"),
    ...of(["AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE", "ZERO_OUTSTANDING_BALANCE"], "OUTSTANDING_EXCEEDED"),
    SUBSCRIPTION_STATUS_INVALID: state,
    CURRENCY_MISMATCH: "SUBSCRIPTION_REFUSED",
  },
};

const told = (issue: string, about: "plan" | "subscription") =>
  refusal({ outcome: "refused", issue, detail: "why", httpStatus: 422, debugId: null, response: null }, about, { id: "x" });

describe("PayPal's refusals", () => {
  const walk = [
    ...Object.entries(plans).map(([operation, issues]) => ({ operation, issues, about: "plan" as const })),
    ...Object.entries(subscriptions).map(([operation, issues]) => ({ operation, issues, about: "subscription" as const })),
  ];
  it.each(walk)("of $operation are errors of our own, with PayPal's issue in their data", ({ issues, about }) => {
    for (const [issue, type] of Object.entries({ ...issues, ...everywhere }))
      expect({ issue, ...told(issue, about), type: told(issue, about).type }).toMatchObject({ issue, type, data: { id: "x", issue } });
  });

  it("of a kind that PayPal has not declared are about the request", () => {
    expect(told("SOMETHING_NEW", "plan").type).toBe("PLAN_REFUSED");
    expect(told("SOMETHING_NEW", "subscription").type).toBe("SUBSCRIPTION_REFUSED");
  });
});
