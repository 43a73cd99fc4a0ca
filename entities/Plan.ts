import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { planStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** What a tenant's customers can subscribe to: a plan at PayPal, and the product that it belongs to. */
export const Plan = defineEntity({
  name: "Plan",
  tableName: "plans",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    /** Who made it; null from before that was noted. */
    userId: p.uuid().nullable(),
    /** The PayPal account that it is in, whatever the organisation connects later; null for the platform's. */
    accountId: p.uuid().nullable(),
    name: p.string().length(127),
    description: p.text().nullable(),
    status: p.enum(planStatuses).default("creating"),
    /** PayPal's product; a subscription can change between plans of one product alone. */
    productId: p.string().length(50),
    /** The product to be made for it (`NewProduct` in services/payment/gateway/catalog.ts); null when it joins another plan's. */
    product: p.json<object>().nullable(),
    paypalPlanId: p.string().length(50).nullable().unique(),
    currency: p.string().length(3),
    /** `Terms` in services/payment/plans/terms.ts; amounts in it are decimal strings. */
    terms: p.json<object>(),
    /** Whether it can be subscribed to as soon as it is made. */
    startsActive: p.boolean().default(true),
    /** For how long whoever does not pay remains entitled. */
    graceDays: p.integer(),
    simulated: p.boolean().default(false),
    failureType: p.text().nullable(),
    failureMessage: p.text().nullable(),
    claim: p.uuid().nullable(),
    claimedUntil: p.datetime().nullable(),
    stale: p.boolean().default(false),
    nextCheckAt: p.datetime().nullable(),
    checks: p.integer().default(0),
    createdAt: p.datetime().defaultRaw("now()"),
    updatedAt: p.datetime().defaultRaw("now()"),
  },
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { properties: ["tenantId", "productId"] },
    { name: "plans_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "plans_due_of", properties: ["tenantId", "nextCheckAt"], where: "next_check_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type PlanRow = InferEntity<typeof Plan>;
