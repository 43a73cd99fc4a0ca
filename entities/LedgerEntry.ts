import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** What a fact at PayPal can be to the ledger; `services/payment/ledger/bookings.ts` says how each is booked. */
export const entryKinds = [
  "capture",
  "capture_fee",
  "capture_conversion",
  "refund",
  "refund_fee",
  "refund_conversion",
  "reversal",
  "reversal_fee",
  "reversal_conversion",
  "dispute_hold",
  "dispute_release",
  "dispute_loss",
  "dispute_fee",
] as const;
export type EntryKind = (typeof entryKinds)[number];

/** How a payer paid. */
export const payMethods = ["paypal", "card", "saved"] as const;
export type PayMethod = (typeof payMethods)[number];

/**
 * A fact that moved money, booked once. Its lines are in `ledger_lines`; it has none where the fact moved nothing more, e.g. a hold that was
 * reported after its release. `transaction` with `position` is the cursor of projections, as in `events`.
 */
export const LedgerEntry = defineEntity({
  name: "LedgerEntry",
  tableName: "ledger_entries",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    kind: p.enum(entryKinds),
    /** PayPal's id of what happened: a capture, sale, refund or dispute. */
    objectId: p.string().length(255),
    /** PayPal's id of the capture or sale that it began with; for a capture its own. */
    captureId: p.string().length(255),
    paymentId: p.uuid().nullable(),
    subscriptionId: p.uuid().nullable(),
    /** The invoice that PayPal collects. */
    invoiceId: p.uuid().nullable(),
    method: p.enum(payMethods),
    /** What the fact said, in minor units: the lines may move less. */
    amountMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    /** Of a conversion: what PayPal said that one unit was worth. */
    rate: p.text().nullable(),
    /** When it happened at PayPal. */
    at: p.datetime(),
    createdAt: p.datetime().defaultRaw("now()"),
    position: p.bigint().columnType("bigint").autoincrement().generated("identity"),
    transaction: p.string().columnType("xid8").defaultRaw("pg_current_xact_id()"),
  },
  uniques: [{ properties: ["tenantId", "kind", "objectId"] }],
  indexes: [
    { properties: ["tenantId", "at", "id"] },
    { properties: ["captureId"] },
    { properties: ["objectId"] },
    { name: "ledger_entries_payment", properties: ["tenantId", "paymentId"], where: "payment_id is not null" },
    { name: "ledger_entries_subscription", properties: ["tenantId", "subscriptionId"], where: "subscription_id is not null" },
    { name: "ledger_entries_invoice", properties: ["tenantId", "invoiceId"], where: "invoice_id is not null" },
    { properties: ["transaction", "position"] },
  ],
  policies: tenantPolicy(),
  triggers: [
    {
      name: "ledger_entries_append_only",
      timing: "before",
      events: ["update", "delete"],
      forEach: "row",
      body: `raise exception 'the ledger is append-only' using errcode = 'restrict_violation'; return null;`,
    },
  ],
});
