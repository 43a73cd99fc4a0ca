import { defineEntity, p } from "@mikro-orm/core";
import { currentTenant, relatedPolicy } from "./tenancy.ts";

/** A person; which tenants they belong to stands in memberships. */
export const User = defineEntity({
  name: "User",
  tableName: "users",
  schema: "auth",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    /** Lower case. */
    email: p.string().length(255).unique(),
    /** When the person proved to read what is sent there. */
    emailConfirmedAt: p.datetime().nullable(),
    passwordHash: p.string().length(255),
    firstName: p.string().length(100).nullable(),
    lastName: p.string().length(100).nullable(),
    createdAt: p.datetime().defaultRaw("now()").index(),
    updatedAt: p.datetime().defaultRaw("now()"),
    lastLoginAt: p.datetime().nullable(),
    isActive: p.boolean().default(true),
  },
  policies: relatedPolicy(`select 1 from auth.memberships m where m.user_id = users.id and m.tenant_id = ${currentTenant}`),
});
