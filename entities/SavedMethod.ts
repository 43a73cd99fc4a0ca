import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { savedMethodStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A way to pay that a customer let PayPal keep. Nothing of it stands here but PayPal's reference and what tells one from another. */
export const SavedMethod = defineEntity({
  name: "SavedMethod",
  tableName: "saved_methods",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    /** The organisation's own name for who pays. */
    customer: p.string().length(100),
    /** The PayPal account that keeps it; null for the platform's. */
    accountId: p.uuid().nullable(),
    status: p.enum(savedMethodStatuses).default("pending"),
    /** PayPal's ids: of what the customer agrees to, and of what was kept. */
    setupId: p.string().length(255).nullable(),
    vaultId: p.string().length(255).nullable(),
    approvalUrl: p.text().nullable(),
    /** How often PayPal has refused to keep it: it repeats a refusal under the same request id. */
    refusals: p.integer().default(0),
    /** E.g. "pa…@example.com". */
    label: p.text().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    savedAt: p.datetime().nullable(),
    removedAt: p.datetime().nullable(),
  },
  checks: [{ name: "saved_methods_active_has_id", expression: "status <> 'active' or vault_id is not null" }],
  uniques: [{ properties: ["tenantId", "vaultId"] }],
  indexes: [{ properties: ["tenantId", "customer", "createdAt"] }],
  policies: tenantPolicy(),
});
export type SavedMethodRow = InferEntity<typeof SavedMethod>;
