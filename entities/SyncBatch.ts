import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** One unit of a job's stored plan: becomes one pack and one transaction. Items and outcomes together are the job's item report. */
export const SyncBatch = defineEntity({
  name: "SyncBatch",
  tableName: "batches",
  schema: "sync",
  properties: {
    jobId: p.uuid().primary(),
    number: p.integer().primary(),
    tenantId: p.uuid(),
    items: p.json(),
    /** One letter per item, in order: see `outcomes` in services/sync/report.ts. */
    outcomes: p.text().nullable(),
    itemCount: p.integer(),
    bytes: p.bigint("number"),
    doneAt: p.datetime().nullable(),
    /** Assets that the batch stored and that no event has told of yet: services/sync/telling.ts. */
    untold: p.array().columnType("uuid[]").nullable(),
  },
  indexes: [
    { name: "batches_waiting", properties: ["jobId", "number"], where: "done_at is null" },
    { name: "batches_untold", properties: ["jobId"], where: "untold is not null" },
  ],
  policies: tenantPolicy(),
});
