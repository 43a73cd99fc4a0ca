import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** An issued invoice that PayPal sends and collects: how it stands there. The row stands before PayPal hears of it. */
export const PaypalInvoice = defineEntity({
  name: "PaypalInvoice",
  tableName: "paypal_invoices",
  schema: "payment",
  properties: {
    /** The invoice's own. */
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    /** The PayPal account that sends it; null for the platform's. */
    accountId: p.uuid().nullable(),
    /** PayPal's id; null until PayPal has confirmed it. */
    paypalId: p.text().nullable(),
    /** PayPal's word (DRAFT, SENT, PAID, …); CREATING until PayPal has confirmed it, FAILED when it refused. */
    status: p.text(),
    /** What the payer still owes, as PayPal says. */
    dueMinor: p.bigint("bigint").nullable(),
    /** Where the payer sees and pays it. */
    payerUrl: p.text().nullable(),
    /** Whether a simulator stands in for PayPal: no money moves. */
    simulated: p.boolean().default(false),
    failureType: p.text().nullable(),
    failureMessage: p.text().nullable(),
    /** Until when whoever works on it has it alone. */
    claimedUntil: p.datetime().nullable(),
    nextCheckAt: p.datetime().nullable(),
    checks: p.integer().default(0),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  uniques: [{ properties: ["tenantId", "paypalId"] }],
  indexes: [
    { properties: ["tenantId", "createdAt"] },
    { properties: ["paypalId"] },
    { name: "paypal_invoices_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "paypal_invoices_due_of", properties: ["tenantId", "nextCheckAt"], where: "next_check_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type PaypalInvoiceRow = InferEntity<typeof PaypalInvoice>;
