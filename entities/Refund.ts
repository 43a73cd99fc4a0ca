import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { refundStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/**
 * Money that goes back to a payer. One that is made here stands before PayPal hears of it and reserves its amount; one that is made at
 * PayPal is written down when PayPal tells of it.
 */
export const Refund = defineEntity({
  name: "Refund",
  tableName: "refunds",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    paymentId: p.uuid(),
    /** The row of the capture that it gives back. */
    captureId: p.uuid(),
    /** Who asked for it here; null when PayPal or a person at PayPal did. */
    userId: p.uuid().nullable(),
    /** PayPal's id; null until PayPal has answered. */
    paypalId: p.string().length(255).nullable(),
    /** reversal: PayPal or the payer's bank took the money back. */
    kind: p.enum(["refund", "reversal"] as const).default("refund"),
    origin: p.enum(["here", "paypal"] as const).default("here"),
    amountMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    status: p.enum(refundStatuses).default("requested"),
    /** PayPal's own words. */
    paypalStatus: p.text().nullable(),
    reason: p.text().nullable(),
    /** For the payer. */
    note: p.text().nullable(),
    /** What PayPal gave back of its fee, in the refund's currency; null while PayPal has not said. */
    feeReturnedMinor: p.bigint("bigint").nullable(),
    /** What left a balance of another currency, and PayPal's rate. */
    settledMinor: p.bigint("bigint").nullable(),
    settledCurrency: p.string().length(3).nullable(),
    exchangeRate: p.string().length(40).nullable(),
    /** What PayPal says has been given back of the capture in all, this refund included. */
    totalMinor: p.bigint("bigint").nullable(),
    failureType: p.text().nullable(),
    failureMessage: p.text().nullable(),
    claim: p.uuid().nullable(),
    claimedUntil: p.datetime().nullable(),
    nextCheckAt: p.datetime().nullable(),
    checks: p.integer().default(0),
    /** When the sweeper stopped looking at it, with PayPal's answer still not known: an operator has to. */
    givenUpAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    completedAt: p.datetime().nullable(),
  },
  checks: [
    { name: "refunds_amount_positive", expression: "amount_minor > 0" },
    { name: "refunds_completed_has_id", expression: "status <> 'completed' or (paypal_id is not null and completed_at is not null)" },
  ],
  uniques: [{ properties: ["tenantId", "paypalId"] }],
  indexes: [
    { properties: ["captureId"] },
    { properties: ["paymentId"] },
    { properties: ["tenantId", "createdAt", "id"] },
    { name: "refunds_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "refunds_due_of", properties: ["tenantId", "nextCheckAt"], where: "next_check_at is not null" },
    { name: "refunds_given_up", properties: ["tenantId", "givenUpAt"], where: "given_up_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type RefundRow = InferEntity<typeof Refund>;
