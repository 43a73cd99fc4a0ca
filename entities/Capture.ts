import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { captureStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/**
 * Money that PayPal takes from a payer for a payment. A payment that is authorised first may have several; each of those stands before
 * PayPal hears of it and reserves its amount.
 */
export const Capture = defineEntity({
  name: "Capture",
  tableName: "captures",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    paymentId: p.uuid(),
    /** PayPal's id; null until PayPal has answered. */
    paypalId: p.string().length(255).nullable(),
    /** The row of the authorization that it takes from. */
    authorizationId: p.uuid().nullable(),
    /** Whether it is the last of its authorization. */
    final: p.boolean().default(true),
    /** Who asked for it here. */
    userId: p.uuid().nullable(),
    amountMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    status: p.enum(captureStatuses),
    /** PayPal's own words. */
    paypalStatus: p.text().nullable(),
    reason: p.text().nullable(),
    /** What PayPal kept of it, and what is left, in the capture's currency; null while PayPal has not said. */
    feeMinor: p.bigint("bigint").nullable(),
    netMinor: p.bigint("bigint").nullable(),
    /** What arrived in a balance of another currency, and PayPal's rate. */
    settledMinor: p.bigint("bigint").nullable(),
    settledCurrency: p.string().length(3).nullable(),
    exchangeRate: p.string().length(40).nullable(),
    failureType: p.text().nullable(),
    failureMessage: p.text().nullable(),
    claim: p.uuid().nullable(),
    claimedUntil: p.datetime().nullable(),
    nextCheckAt: p.datetime().nullable(),
    checks: p.integer().default(0),
    /** When the sweeper stopped looking at it, with PayPal's answer still not known: an operator has to. */
    givenUpAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    /** By PayPal's clock. */
    capturedAt: p.datetime().nullable(),
  },
  checks: [
    { name: "captures_amount_positive", expression: "amount_minor > 0" },
    { name: "captures_completed_has_id", expression: "status <> 'completed' or (paypal_id is not null and captured_at is not null)" },
  ],
  uniques: [{ properties: ["tenantId", "paypalId"] }],
  indexes: [
    { properties: ["paymentId"] },
    { properties: ["tenantId", "capturedAt"] },
    { name: "captures_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "captures_due_of", properties: ["tenantId", "nextCheckAt"], where: "next_check_at is not null" },
    { name: "captures_given_up", properties: ["tenantId", "givenUpAt"], where: "given_up_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type CaptureRow = InferEntity<typeof Capture>;
