import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** An entry of an organisation's block or allow list. */
export const FraudListEntry = defineEntity({
  name: "FraudListEntry",
  tableName: "fraud_list_entries",
  schema: "payment",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    list: p.enum(["block", "allow"] as const),
    kind: p.enum(["email", "domain", "ip", "country", "card", "user"] as const),
    /** The value, or a keyed hash of what tells of a person. */
    value: p.text(),
    /** What people recognise it by: the value, or a few letters of it. */
    shown: p.text(),
    note: p.text(),
    createdBy: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
    expiresAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["tenantId", "list", "kind", "value"] }],
  indexes: [{ properties: ["tenantId", "createdAt", "id"] }],
  policies: tenantPolicy(),
});
