import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** The cluster's one secret behind the audit log's chains and checkpoints, wrapped by a master key. Without it nothing of the log can be verified. */
export const AuditKey = defineEntity({
  name: "AuditKey",
  tableName: "audit_keys",
  schema: "auth",
  properties: {
    id: p.text().primary(),
    masterKeyId: p.text(),
    sealedKey: p.blob(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: systemPolicy(),
});
