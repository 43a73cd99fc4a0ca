import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** How a payment was judged before PayPal heard of it, by what, and what a person then said. Values that tell of a person are keyed hashes. */
export const FraudAssessment = defineEntity({
  name: "FraudAssessment",
  tableName: "fraud_assessments",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    kind: p.enum(["payment", "subscription"] as const),
    /** The payment's or the subscription's id. */
    objectId: p.uuid(),
    /** Of the rules that decided; 0 are the service's own. */
    ruleSetVersion: p.integer(),
    facts: p.json<object>(),
    decision: p.enum(["allow", "review", "block"] as const),
    score: p.integer(),
    reasons: p.json<object[]>(),
    /** How the rules in shadow judged the same facts, and whether they decided otherwise. */
    shadow: p.json<object>().nullable(),
    differs: p.boolean().default(false),
    amountMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    /** What attempts are counted by. */
    emailKey: p.text().nullable(),
    ipKey: p.text().nullable(),
    cardKey: p.text().nullable(),
    userKey: p.text().nullable(),
    reviewState: p.enum(["open", "approved", "rejected", "expired"] as const).nullable(),
    reviewUntil: p.datetime().nullable(),
    /** A principal's subject, and why. */
    reviewedBy: p.text().nullable(),
    reviewNote: p.text().nullable(),
    reviewedAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  uniques: [{ properties: ["objectId"] }],
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { name: "fraud_assessments_differ", properties: ["tenantId", "createdAt", "id"], where: "differs" },
    { name: "fraud_assessments_refused", properties: ["tenantId", "decision", "createdAt", "id"], where: "decision <> 'allow'" },
    { name: "fraud_assessments_reviews", properties: ["tenantId", "reviewState", "createdAt", "id"], where: "review_state is not null" },
    { name: "fraud_assessments_open", properties: ["reviewUntil"], where: "review_state = 'open'" },
    { name: "fraud_assessments_email", properties: ["tenantId", "emailKey", "createdAt"], where: "email_key is not null" },
    { name: "fraud_assessments_ip", properties: ["tenantId", "ipKey", "createdAt"], where: "ip_key is not null" },
    { name: "fraud_assessments_card", properties: ["tenantId", "cardKey", "createdAt"], where: "card_key is not null" },
    { name: "fraud_assessments_user", properties: ["tenantId", "userKey", "createdAt"], where: "user_key is not null" },
  ],
  policies: tenantPolicy(),
});
