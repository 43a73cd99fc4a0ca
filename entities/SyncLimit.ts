import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** What an operator allows a tenant, where it differs from the cluster's defaults. */
export const SyncLimit = defineEntity({
  name: "SyncLimit",
  tableName: "tenant_limits",
  schema: "sync",
  properties: {
    tenantId: p.uuid().primary(),
    /** Jobs of the tenant that run at the same time. */
    jobs: p.integer().nullable(),
    /** Its share of the cluster beside the others'; 1 when unset. */
    weight: p.integer().nullable(),
    updatedAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
