import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A tenant. */
export const Organisation = defineEntity({
  name: "Organisation",
  tableName: "organisations",
  schema: "auth",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    name: p.text(),
    /** Grows with every change of roles, members, service accounts and keys; whoever changes those renews it first, so they wait for each other. */
    policyVersion: p.integer().default(1),
    /** Whether its members need a second factor for all but their own account. */
    secondFactorRequired: p.boolean().default(false),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy("id"),
});
