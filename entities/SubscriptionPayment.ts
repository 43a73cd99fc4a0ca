import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A payment that PayPal took, or tried to take, for a subscription. */
export const SubscriptionPayment = defineEntity({
  name: "SubscriptionPayment",
  tableName: "subscription_payments",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    subscriptionId: p.uuid(),
    /** PayPal's id of the sale. */
    saleId: p.string().length(50).unique(),
    status: p.enum(["pending", "completed", "partially_refunded", "refunded", "reversed", "declined"] as const),
    amountMinor: p.bigint("bigint"),
    /** Null while PayPal has not told it. */
    feeMinor: p.bigint("bigint").nullable(),
    refundedMinor: p.bigint("bigint").defaultRaw("0"),
    /** PayPal's refunds of it by id, so that each is counted once: amounts in minor units, as strings. */
    refunds: p.json<{ id: string; amount: string; at: string }[]>().defaultRaw("'[]'"),
    currency: p.string().length(3),
    paidAt: p.datetime(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  checks: [
    { name: "subscription_payments_amounts", expression: "amount_minor > 0 and refunded_minor >= 0 and refunded_minor <= amount_minor" },
  ],
  indexes: [{ properties: ["subscriptionId", "paidAt"] }, { properties: ["tenantId", "paidAt", "id"] }],
  policies: tenantPolicy(),
});
export type SubscriptionPaymentRow = InferEntity<typeof SubscriptionPayment>;
