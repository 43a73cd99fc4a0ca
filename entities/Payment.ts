import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { paymentIntents, paymentStatuses } from "../config/states.ts";
import { payMethods } from "./LedgerEntry.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A payment a tenant asked for. The row stands before PayPal hears of it, so nothing PayPal does is without an owner here. */
export const Payment = defineEntity({
  name: "Payment",
  tableName: "payments",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    userId: p.uuid().nullable().index(),
    /** The PayPal account that it is made with, whatever the organisation connects later; null for the platform's. */
    accountId: p.uuid().nullable(),
    /** PayPal's order id; null until PayPal has answered. */
    paypalPaymentId: p.string().length(255).nullable().unique(),
    /** For people and reports; `amountMinor` is what is reckoned with. */
    amount: p.decimal("string").precision(17).scale(2),
    amountMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    intent: p.enum(paymentIntents).default("capture"),
    method: p.enum(payMethods).default("paypal"),
    /** The saved method that it is paid with. */
    methodId: p.uuid().nullable(),
    /** Who bears the loss if a card turns out to be stolen, in PayPal's word; null before 3-D Secure and without it. */
    liabilityShift: p.text().nullable(),
    /** What has been taken, and of that given back: sums of the completed captures and refunds. */
    capturedMinor: p.bigint("bigint").default(0),
    refundedMinor: p.bigint("bigint").default(0),
    status: p.enum(paymentStatuses).default("created"),
    description: p.text().nullable(),
    /** What it is for, and the tax in it: services/payment/tax/sale.ts; null when nobody said. */
    sale: p.json<object>().nullable(),
    taxMinor: p.bigint("bigint").nullable(),
    approvalUrl: p.text().nullable(),
    /** Where the payer goes afterwards; the service's own page when null. */
    returnUrl: p.text().nullable(),
    cancelUrl: p.text().nullable(),
    /** PayPal's id of the first capture. */
    captureId: p.string().length(255).nullable().unique(),
    /** Whether a simulator stood in for PayPal: no money moved. */
    simulated: p.boolean().default(false),
    failureType: p.text().nullable(),
    failureMessage: p.text().nullable(),
    /** Last version of the payment's event stream. */
    version: p.integer().default(0),
    /** Who works on it at this moment, and until when the others keep off. */
    claim: p.uuid().nullable(),
    claimedUntil: p.datetime().nullable(),
    /** When the sweeper looks at it again, and how often it has looked in vain. */
    nextCheckAt: p.datetime().nullable(),
    checks: p.integer().default(0),
    /** When the sweeper stopped looking at it, with PayPal's answer still not known: an operator has to. */
    givenUpAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    approvedAt: p.datetime().nullable(),
    executedAt: p.datetime().nullable(),
  },
  checks: [
    { name: "payments_amount_positive", expression: "amount_minor > 0 and amount > 0" },
    { name: "payments_captured_has_capture", expression: "status <> 'captured' or (capture_id is not null and executed_at is not null)" },
    { name: "payments_sums", expression: "captured_minor >= 0 and refunded_minor >= 0" },
  ],
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { properties: ["tenantId", "status", "createdAt"] },
    { properties: ["status"] },
    { properties: ["createdAt"] },
    { name: "payments_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "payments_due_of", properties: ["tenantId", "nextCheckAt"], where: "next_check_at is not null" },
    { name: "payments_given_up", properties: ["tenantId", "givenUpAt"], where: "given_up_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type PaymentRow = InferEntity<typeof Payment>;
