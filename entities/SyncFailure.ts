import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** An item that a job could not store, and why. */
export const SyncFailure = defineEntity({
  name: "SyncFailure",
  tableName: "failures",
  schema: "sync",
  properties: {
    jobId: p.uuid().primary(),
    path: p.text().collation("C").primary(),
    tenantId: p.uuid(),
    type: p.text(),
    message: p.text(),
    attempts: p.integer().default(1),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
