import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

export const breakKinds = [
  "missing_in_ledger",
  "missing_at_paypal",
  "amount_differs",
  "fee_differs",
  "currency_differs",
  "status_differs",
  "duplicate_at_paypal",
  "unknown_reference",
] as const;
export type BreakKind = (typeof breakKinds)[number];

/** open: somebody has to look; explained: nothing has to be done, though it will be found again; resolved: it is no longer so. */
export const breakStates = ["open", "explained", "resolved"] as const;
export type BreakState = (typeof breakStates)[number];

/** Something in which payments, ledger and PayPal do not agree. Never deleted. */
export const ReconciliationBreak = defineEntity({
  name: "ReconciliationBreak",
  tableName: "reconciliation_breaks",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    kind: p.enum(breakKinds),
    /** PayPal's id of the transaction, or ours of what PayPal lacks. */
    objectId: p.string().length(255),
    /** PayPal's kind of event; "" for what PayPal lacks. */
    code: p.string().length(10),
    /** Of the transaction: the two sides of a conversion share id and code. */
    currency: p.string().length(3),
    paymentId: p.uuid().nullable(),
    subscriptionId: p.uuid().nullable(),
    invoiceId: p.uuid().nullable(),
    /** When it happened, by whoever has it. */
    at: p.datetime(),
    /** What each side says: amount, currency, fee, status. */
    paypal: p.json().nullable(),
    ours: p.json().nullable(),
    /** As PayPal wrote it. */
    evidence: p.json().nullable(),
    state: p.enum(breakStates).default("open"),
    note: p.text().nullable(),
    /** Who explained or resolved it: a principal's subject, or "service:payment". */
    closedBy: p.text().nullable(),
    closedAt: p.datetime().nullable(),
    firstSeenAt: p.datetime().defaultRaw("now()"),
    lastSeenAt: p.datetime().defaultRaw("now()"),
    /** The run that saw it last. */
    runId: p.uuid(),
  },
  uniques: [{ name: "reconciliation_breaks_once", properties: ["tenantId", "kind", "objectId", "code", "currency"] }],
  indexes: [
    { properties: ["tenantId", "at", "id"] },
    { name: "reconciliation_breaks_open", properties: ["tenantId", "at", "id"], where: "state = 'open'" },
    { name: "reconciliation_breaks_payment", properties: ["tenantId", "paymentId"], where: "payment_id is not null" },
  ],
  policies: tenantPolicy(),
});
export type ReconciliationBreakRow = InferEntity<typeof ReconciliationBreak>;
