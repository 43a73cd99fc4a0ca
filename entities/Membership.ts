import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A person's role in an organisation. */
export const Membership = defineEntity({
  name: "Membership",
  tableName: "memberships",
  schema: "auth",
  properties: {
    tenantId: p.uuid().primary(),
    userId: p.uuid().primary(),
    /** One that every organisation has, or one of `roles`. */
    role: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  indexes: [{ properties: ["userId"] }, { properties: ["tenantId", "role"] }],
  policies: tenantPolicy(),
});
