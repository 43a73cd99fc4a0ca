import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A job that starts only when another one has completed. */
export const SyncJobNeed = defineEntity({
  name: "SyncJobNeed",
  tableName: "job_needs",
  schema: "sync",
  properties: {
    jobId: p.uuid().primary(),
    needsJobId: p.uuid().primary(),
    tenantId: p.uuid(),
  },
  indexes: [{ properties: ["needsJobId"] }],
  policies: tenantPolicy(),
});
