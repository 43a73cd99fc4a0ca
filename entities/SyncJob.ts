import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { jobStatuses } from "../config/contracts.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A request to sync a source, and how far it has come. */
export const SyncJob = defineEntity({
  name: "SyncJob",
  tableName: "sync_jobs",
  schema: "sync",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    userId: p.uuid().nullable().index(),
    sourceId: p.uuid(),
    input: p.text(),
    mode: p.enum(["incremental", "full"] as const).default("incremental"),
    status: p.enum(jobStatuses).default("queued"),
    progress: p.integer().default(0),
    options: p.json<{ analyse: boolean }>(),
    /** Endpoint and credentials of the source, sealed under the tenant's key. */
    sealedCredentials: p.blob().nullable(),
    result: p.json().nullable(),
    errorType: p.text().nullable(),
    errorMessage: p.text().nullable(),
    itemsTotal: p.integer().default(0),
    itemsStored: p.integer().default(0),
    itemsUnchanged: p.integer().default(0),
    itemsDeduplicated: p.integer().default(0),
    itemsFailed: p.integer().default(0),
    itemsGone: p.integer().default(0),
    bytesTotal: p.bigint("number").default(0),
    bytesDone: p.bigint("number").default(0),
    /** Last version of the job's event stream. */
    version: p.integer().default(0),
    createdAt: p.datetime().defaultRaw("now()"),
    plannedAt: p.datetime().nullable(),
    startedAt: p.datetime().nullable(),
    completedAt: p.datetime().nullable(),
  },
  checks: [{ name: "sync_jobs_progress_percent", expression: "progress >= 0 and progress <= 100" }],
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { properties: ["tenantId", "status", "createdAt"] },
    { properties: ["status"] },
    { properties: ["createdAt"] },
  ],
  policies: tenantPolicy(),
});
export type SyncJobRow = InferEntity<typeof SyncJob>;
