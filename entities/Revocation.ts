import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** Credentials taken back while tokens of theirs may be out. Nodes that were away when it was told read it here. */
export const Revocation = defineEntity({
  name: "Revocation",
  tableName: "revocations",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    /** Null: in all organisations. */
    tenantId: p.uuid().nullable(),
    subject: p.text(),
    at: p.datetime(),
  },
  indexes: [{ properties: ["at"] }],
  policies: systemPolicy(),
});
