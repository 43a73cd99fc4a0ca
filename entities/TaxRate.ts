import { defineEntity, p } from "@mikro-orm/core";
import { platform } from "../config/permissions.ts";
import { currentTenant, tenantPolicy } from "./tenancy.ts";

/**
 * What is charged in a place from a day on: the platform's rates, which every tenant reads, and tenants' own. Rows are only added: another word
 * about the same place and day has the next version, so that what was reckoned by a row can always be told.
 */
export const TaxRate = defineEntity({
  name: "TaxRate",
  tableName: "tax_rates",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    country: p.text(),
    /** ISO 3166-2 without the country; empty for the whole of it. */
    region: p.text().default(""),
    category: p.text(),
    percent: p.decimal("string").precision(8).scale(5),
    validFrom: p.date(),
    version: p.integer(),
    /** Where it was taken from: a library's release, or who set it. */
    source: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  checks: [{ name: "tax_rates_percent", expression: "percent >= 0 and percent <= 100" }],
  uniques: [{ properties: ["tenantId", "country", "region", "category", "validFrom", "version"] }],
  indexes: [{ properties: ["country", "region", "category", "validFrom"] }],
  policies: [
    ...tenantPolicy(),
    { name: "platform_rates", command: "select", using: `tenant_id = '${platform}' and ${currentTenant} is not null` },
  ],
  triggers: [
    {
      name: "tax_rates_append_only",
      timing: "before",
      events: ["update", "delete"],
      forEach: "row",
      body: "raise exception 'tax rates are append-only' using errcode = 'restrict_violation'; return null;",
    },
  ],
});
