import { defineEntity, p } from "@mikro-orm/core";
import type { Permission } from "../config/permissions.ts";
import type { Rule } from "../config/rules.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A role that an organisation has defined beside those that all have. */
export const TenantRole = defineEntity({
  name: "TenantRole",
  tableName: "roles",
  schema: "auth",
  properties: {
    tenantId: p.uuid().primary(),
    name: p.text().primary(),
    description: p.text().default(""),
    permissions: p.array<Permission>(),
    rules: p.json<Rule[]>().defaultRaw("'[]'::jsonb"),
    createdAt: p.datetime().defaultRaw("now()"),
    updatedAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
