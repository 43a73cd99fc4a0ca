import { defineEntity, p } from "@mikro-orm/core";
import { systemPolicy } from "./tenancy.ts";

/** Signed states of the chains, as they are published outside of the database: what is here only sees to it that each of them is. */
export const AuditCheckpoint = defineEntity({
  name: "AuditCheckpoint",
  tableName: "audit_checkpoints",
  schema: "auth",
  properties: {
    number: p.bigint("number").primary().autoincrement(false),
    text: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
    publishedAt: p.datetime().nullable(),
  },
  indexes: [
    {
      name: "audit_checkpoints_unpublished",
      expression: `create index "audit_checkpoints_unpublished" on "auth"."audit_checkpoints" ("number") where published_at is null`,
    },
  ],
  policies: systemPolicy(),
});
