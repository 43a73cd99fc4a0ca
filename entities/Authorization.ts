import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { authorizationStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A payer's money that PayPal has reserved for a payment. Authorising again makes another one, which replaces it. */
export const Authorization = defineEntity({
  name: "Authorization",
  tableName: "authorizations",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    paymentId: p.uuid(),
    paypalId: p.string().length(255),
    amountMinor: p.bigint("bigint"),
    currency: p.string().length(3),
    status: p.enum(authorizationStatuses),
    /** PayPal's own words. */
    paypalStatus: p.text(),
    reason: p.text().nullable(),
    /** Of the first authorization, by PayPal's clock; one that replaces it goes on with its time. */
    authorizedAt: p.datetime(),
    /** Until when PayPal keeps the money ready, and until when it may be asked for at all. */
    honoredUntil: p.datetime(),
    expiresAt: p.datetime(),
    /** The row that it replaces. */
    replaces: p.uuid().nullable(),
    claim: p.uuid().nullable(),
    claimedUntil: p.datetime().nullable(),
    nextCheckAt: p.datetime().nullable(),
    checks: p.integer().default(0),
    /** When the sweeper stopped looking at it, with PayPal's answer still not known: an operator has to. */
    givenUpAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  checks: [{ name: "authorizations_amount_positive", expression: "amount_minor > 0" }],
  uniques: [{ properties: ["tenantId", "paypalId"] }],
  indexes: [
    { properties: ["paymentId"] },
    { name: "authorizations_due", properties: ["nextCheckAt"], where: "next_check_at is not null" },
    { name: "authorizations_due_of", properties: ["tenantId", "nextCheckAt"], where: "next_check_at is not null" },
    { name: "authorizations_given_up", properties: ["tenantId", "givenUpAt"], where: "given_up_at is not null" },
  ],
  policies: tenantPolicy(),
});
export type AuthorizationRow = InferEntity<typeof Authorization>;
