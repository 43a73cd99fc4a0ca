import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** partial_capture: some or all of an authorization. */
export const attemptOperations = ["create", "capture", "authorize", "refund", "partial_capture", "void", "reauthorize"] as const;

/**
 * One thing asked of PayPal for a payment, written before it is asked. As long as the outcome is unknown the same
 * request id is sent again; after a refusal the next attempt has the next number.
 */
export const PaymentAttempt = defineEntity({
  name: "PaymentAttempt",
  tableName: "payment_attempts",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    paymentId: p.uuid(),
    /** The row that it is about: the payment, a refund, … */
    objectId: p.uuid(),
    operation: p.enum(attemptOperations),
    number: p.integer(),
    /** PayPal-Request-Id, and until when PayPal remembers it. */
    requestId: p.string().length(108).unique(),
    keyExpiresAt: p.datetime(),
    /** SHA-256 of what was asked, so that a repeat can be seen to ask the same. */
    requestHash: p.text(),
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
  uniques: [{ properties: ["objectId", "operation", "number"] }],
  indexes: [{ properties: ["tenantId", "createdAt"] }, { properties: ["outcome"] }, { properties: ["paymentId"] }],
  policies: tenantPolicy(),
});
export type PaymentAttemptRow = InferEntity<typeof PaymentAttempt>;
