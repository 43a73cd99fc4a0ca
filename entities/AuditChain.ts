import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** The end of a tenant's chain. Who appends holds this row; other tenants' chains are other rows. */
export const AuditChain = defineEntity({
  name: "AuditChain",
  tableName: "audit_chains",
  schema: "auth",
  properties: {
    tenantId: p.uuid().primary(),
    position: p.bigint("number").default(0),
    hash: p.blob(),
    recordedAt: p.datetime().nullable(),
    /** Position up to which a checkpoint covers it. */
    checkpointed: p.bigint("number").default(0),
  },
  indexes: [
    {
      name: "audit_chains_uncovered",
      expression: `create index "audit_chains_uncovered" on "auth"."audit_chains" ("tenant_id") where checkpointed < position`,
    },
  ],
  policies: tenantPolicy(),
});
