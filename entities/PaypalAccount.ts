import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { paypalEnvironments } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A PayPal account that payments are taken with: an organisation's own, or the platform's, whose credentials stand in the environment. */
export const PaypalAccount = defineEntity({
  name: "PaypalAccount",
  tableName: "paypal_accounts",
  schema: "payment",
  properties: {
    /** UUID of version 7; that of the platform for the platform's. It stands in the address of its webhook. */
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    environment: p.enum(paypalEnvironments),
    clientId: p.text(),
    /** Null where the environment has the secret, and once it was erased. */
    masterKeyId: p.text().nullable(),
    sealedSecret: p.blob().nullable(),
    /** Of the secret: another one is another connection. */
    version: p.integer().default(1),
    /** PayPal's id of the webhook that tells us, part of what it signs; null until there is one. */
    webhookId: p.text().nullable(),
    /** Up to when PayPal's list of events was read for what the webhook may have missed. */
    listedUntil: p.datetime().nullable(),
    /** When PayPal is next asked, by itself, for its list of events, or to take the webhook where there is none. */
    nextLookAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    /** From then on it takes no new payments; those that were made with it go on with it as long as its secret is there. */
    retiredAt: p.datetime().nullable(),
  },
  uniques: [{ name: "paypal_accounts_one_active", properties: ["tenantId"], where: "retired_at is null" }],
  indexes: [{ properties: ["tenantId", "createdAt"] }, { properties: ["nextLookAt"] }],
  policies: tenantPolicy(),
});
export type PaypalAccountRow = InferEntity<typeof PaypalAccount>;
