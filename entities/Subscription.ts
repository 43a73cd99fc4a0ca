import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { subscriptionStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** The mirror of a subscription at PayPal. The row stands before PayPal hears of it; what PayPal says is read anew, never taken from an event. */
export const Subscription = defineEntity({
  name: "Subscription",
  tableName: "subscriptions",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    /** The PayPal account that it is in, as its plan is; null for the platform's. */
    accountId: p.uuid().nullable(),
    /** Who made it. */
    userId: p.uuid().nullable(),
    /** The tenant's own name of whoever is subscribed. */
    customer: p.string().length(127),
    email: p.string().length(254).nullable(),
    /** Who invoices of its payments are for (`Billing` in services/payment/subscriptions/billing.ts); null when nobody said. */
    billing: p.json<object>().nullable(),
    planId: p.uuid().index(),
    quantity: p.integer().default(1),
    paypalSubscriptionId: p.string().length(50).nullable().unique(),
    status: p.enum(subscriptionStatuses).default("created"),
    /** PayPal's own word, as last read. */
    paypalStatus: p.text().nullable(),
    approvalUrl: p.text().nullable(),
    returnUrl: p.text().nullable(),
    cancelUrl: p.text().nullable(),
    startAt: p.datetime().nullable(),
    /** What one regular payment comes to, and how often it is due: `unit` is day, week, month or year. */
    cycleMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    unit: p.text(),
    unitCount: p.integer(),
    /** PayPal's count of its cycles (`CycleView` in services/payment/gateway/billing.ts). */
    cycles: p.json<object[]>().defaultRaw("'[]'"),
    nextBillingAt: p.datetime().nullable(),
    finalPaymentAt: p.datetime().nullable(),
    /** Until when it is paid for, or free. */
    paidUntil: p.datetime().nullable(),
    lastPaymentAt: p.datetime().nullable(),
    failedPayments: p.integer().default(0),
    lastFailureAt: p.datetime().nullable(),
    failureReason: p.text().nullable(),
    nextRetryAt: p.datetime().nullable(),
    pastDueSince: p.datetime().nullable(),
    outstandingMinor: p.bigint("bigint").defaultRaw("0"),
    /** The plan and quantity that the payer is asked to agree to, and where. */
    nextPlanId: p.uuid().nullable(),
    nextQuantity: p.integer().nullable(),
    changeUrl: p.text().nullable(),
    simulated: p.boolean().default(false),
    failureType: p.text().nullable(),
    failureMessage: p.text().nullable(),
    /** Last version of the subscription's event stream. */
    version: p.integer().default(0),
    claim: p.uuid().nullable(),
    claimedUntil: p.datetime().nullable(),
    /** Whether there was news while somebody worked on it. */
    stale: p.boolean().default(false),
    nextCheckAt: p.datetime().nullable(),
    checks: p.integer().default(0),
    readAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    activatedAt: p.datetime().nullable(),
    /** Since when it pays regularly: the trials are over. */
    payingSince: p.datetime().nullable(),
    suspendedAt: p.datetime().nullable(),
    endedAt: p.datetime().nullable(),
  },
  checks: [
    { name: "subscriptions_amounts", expression: "cycle_minor >= 0 and outstanding_minor >= 0 and quantity > 0" },
    { name: "subscriptions_ended", expression: "(status in ('cancelled', 'expired', 'failed')) = (ended_at is not null)" },
  ],
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { properties: ["tenantId", "status", "createdAt"] },
    { properties: ["tenantId", "customer"] },
    { name: "subscriptions_account", properties: ["accountId"], where: "account_id is not null and ended_at is null" },
    { name: "subscriptions_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "subscriptions_due_of", properties: ["tenantId", "nextCheckAt"], where: "next_check_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type SubscriptionRow = InferEntity<typeof Subscription>;
