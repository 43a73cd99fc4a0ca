import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** Rules by which an organisation's payments are judged. Never changed once they stand here: another wish is another version. */
export const FraudRuleSet = defineEntity({
  name: "FraudRuleSet",
  tableName: "fraud_rule_sets",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    /** From 1; 0 are the rules that come with the service. */
    version: p.integer(),
    /** shadow: judges beside the active one and decides nothing. */
    state: p.enum(["draft", "shadow", "active", "retired"] as const).default("draft"),
    note: p.text(),
    rules: p.json<object>(),
    createdBy: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
    activatedAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["tenantId", "version"] }],
  indexes: [
    {
      name: "fraud_rule_sets_in_use",
      expression: `create unique index "fraud_rule_sets_in_use" on "payment"."fraud_rule_sets" ("tenant_id", "state") where state in ('active', 'shadow')`,
    },
  ],
  policies: tenantPolicy(),
});
export type FraudRuleSetRow = InferEntity<typeof FraudRuleSet>;
