import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/**
 * The audit log: each tenant's acts as a chain, `hash` being keyed over the row and the hash before it (services/auth/audit/record.ts).
 * Partitioned by month of `recordedAt`, which never goes back within a chain, hence the primary key; within a month the database refuses a second
 * row at a position (entities/partitions.ts). Nothing can be changed but `origin`, which can be erased: the chain holds only its commitment.
 */
export const AuditEntry = defineEntity({
  name: "AuditEntry",
  tableName: "audit",
  schema: "auth",
  properties: {
    recordedAt: p.datetime().primary(),
    tenantId: p.uuid().primary(),
    position: p.bigint("number").primary(),
    id: p.uuid(),
    at: p.datetime(),
    actor: p.text().nullable(),
    userId: p.uuid().nullable(),
    action: p.text(),
    object: p.text().nullable(),
    outcome: p.text(),
    code: p.text().nullable(),
    call: p.text().nullable(),
    requestId: p.text().nullable(),
    node: p.text().nullable(),
    /** Whose acts table it came from. */
    service: p.text(),
    details: p.json().nullable(),
    originHash: p.blob().nullable(),
    /** Address and user agent, with the salt of their commitment. */
    origin: p.json().nullable(),
    previous: p.blob(),
    hash: p.blob(),
  },
  policies: tenantPolicy(),
  triggers: [
    {
      name: "audit_append_only",
      timing: "before",
      events: ["update", "delete"],
      forEach: "row",
      body: `if tg_op = 'UPDATE' and new.origin is null and to_jsonb(new) - 'origin' = to_jsonb(old) - 'origin' then return new; end if;
raise exception 'the audit log is append-only' using errcode = 'restrict_violation';`,
    },
  ],
});
