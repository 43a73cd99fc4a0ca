import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** One unit of a job's stored plan: becomes one pack and one transaction. Its items are dropped once it is done. */
export const SyncBatch = defineEntity({
  name: "SyncBatch",
  tableName: "batches",
  schema: "sync",
  properties: {
    jobId: p.uuid().primary(),
    number: p.integer().primary(),
    tenantId: p.uuid(),
    items: p.json().nullable(),
    itemCount: p.integer(),
    bytes: p.bigint("number"),
    doneAt: p.datetime().nullable(),
  },
  indexes: [{ name: "batches_waiting", properties: ["jobId", "number"], where: "done_at is null" }],
  policies: tenantPolicy(),
});
