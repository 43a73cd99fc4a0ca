import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A program of an organisation that calls by API keys of its own, with a role like a person's. */
export const ServiceAccount = defineEntity({
  name: "ServiceAccount",
  tableName: "service_accounts",
  schema: "auth",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    name: p.text(),
    description: p.text().default(""),
    role: p.text(),
    createdBy: p.uuid().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    /** Since when its keys are refused. */
    disabledAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["tenantId", "name"] }],
  indexes: [{ properties: ["tenantId", "role"] }],
  policies: tenantPolicy(),
});
