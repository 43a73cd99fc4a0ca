import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { disputeOutcomes, disputeStates } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A payer's complaint about a payment, at PayPal or at their bank. What PayPal says is read anew, never taken from an event. */
export const Dispute = defineEntity({
  name: "Dispute",
  tableName: "disputes",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    /** The PayPal account that it is about; null for the platform's. */
    accountId: p.uuid().nullable(),
    paypalId: p.string().length(255),
    /** What was paid: one of them. */
    paymentId: p.uuid().nullable(),
    subscriptionId: p.uuid().nullable(),
    invoiceId: p.uuid().nullable(),
    /** PayPal's id of the disputed capture or sale. */
    captureId: p.string().length(255),
    state: p.enum(disputeStates).default("open"),
    outcome: p.enum(disputeOutcomes).nullable(),
    /** PayPal's own words. */
    reason: p.text(),
    paypalStatus: p.text(),
    stage: p.text(),
    channel: p.text(),
    amountMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    /** What went back to the payer, and what PayPal charged for the dispute. */
    lostMinor: p.bigint("bigint").nullable(),
    feeMinor: p.bigint("bigint").nullable(),
    /** Until when the organisation has to answer; null when it is not its turn. */
    dueAt: p.datetime().nullable(),
    /** How often it was reminded of that. */
    reminders: p.integer().default(0),
    /** Since when PayPal has kept the amount back, as the ledger has it. */
    heldAt: p.datetime().nullable(),
    /** When the claim was accepted here, and evidence given. */
    acceptedAt: p.datetime().nullable(),
    answeredAt: p.datetime().nullable(),
    /** When PayPal is asked again by itself. */
    nextCheckAt: p.datetime().nullable(),
    /** By PayPal's clock. */
    openedAt: p.datetime(),
    changedAt: p.datetime(),
    resolvedAt: p.datetime().nullable(),
    /** When its end was noticed here, by our own clock. */
    noticedAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  checks: [
    { name: "disputes_amount_positive", expression: "amount_minor > 0" },
    { name: "disputes_about_something", expression: "payment_id is not null or subscription_id is not null or invoice_id is not null" },
  ],
  uniques: [{ properties: ["tenantId", "paypalId"] }],
  indexes: [
    { properties: ["tenantId", "openedAt", "id"] },
    { properties: ["tenantId", "captureId"] },
    { properties: ["paymentId"] },
    { name: "disputes_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "disputes_deadlines", properties: ["dueAt"], where: "due_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type DisputeRow = InferEntity<typeof Dispute>;
