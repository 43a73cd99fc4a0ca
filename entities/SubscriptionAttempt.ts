import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** What is asked of PayPal for a plan or a subscription. Those of the second line take no PayPal-Request-Id. */
export const billingOperations = [
  ...(["product", "plan", "create", "capture", "refund"] as const),
  ...(["activate", "deactivate", "price", "suspend", "resume", "cancel", "change"] as const),
] as const;
export type BillingOperation = (typeof billingOperations)[number];

/** One thing asked of PayPal for a plan or a subscription, written before it is asked. */
export const SubscriptionAttempt = defineEntity({
  name: "SubscriptionAttempt",
  tableName: "subscription_attempts",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    /** The plan's or the subscription's id. */
    subjectId: p.uuid(),
    operation: p.enum(billingOperations),
    number: p.integer(),
    /** PayPal-Request-Id, and until when PayPal remembers it; null for operations that take none. */
    requestId: p.string().length(108).nullable().unique(),
    keyExpiresAt: p.datetime().nullable(),
    /** What was asked, to be asked again. */
    request: p.json<object>(),
    outcome: p.enum(["sent", "ok", "refused", "unknown"] as const).default("sent"),
    sends: p.integer().default(1),
    issue: p.text().nullable(),
    debugId: p.text().nullable(),
    httpStatus: p.integer().nullable(),
    /** What came back, unmapped: the evidence. */
    response: p.json<object | string>().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    finishedAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["subjectId", "operation", "number"] }],
  indexes: [
    { properties: ["tenantId", "createdAt"] },
    { name: "subscription_attempts_open", properties: ["subjectId"], where: "outcome in ('sent', 'unknown')" },
  ],
  policies: tenantPolicy(),
});
export type SubscriptionAttemptRow = InferEntity<typeof SubscriptionAttempt>;
