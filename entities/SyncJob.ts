import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import { jobKinds, jobStatuses } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A request that works in the background, sync or upkeep of the vault, and how far it has come. */
export const SyncJob = defineEntity({
  name: "SyncJob",
  tableName: "sync_jobs",
  schema: "sync",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    userId: p.uuid().nullable().index(),
    kind: p.enum(jobKinds).default("sync"),
    /** Null for work on the vault itself. */
    sourceId: p.uuid().nullable(),
    /** Where a mirror or a restore writes to. */
    targetId: p.uuid().nullable(),
    input: p.text(),
    mode: p.enum(["incremental", "full"] as const).default("incremental"),
    status: p.enum(jobStatuses).default("queued"),
    /** 0 low, 1 normal, 2 high, 3 urgent. */
    priority: p.smallint().default(1),
    /** Host of the source, for the limit of jobs per host. */
    host: p.text().default(""),
    progress: p.integer().default(0),
    /** JobOptions of the kind. */
    options: p.json<Record<string, unknown>>(),
    /** Specs of source and target with their credentials, sealed under the tenant's key. */
    sealedCredentials: p.blob().nullable(),
    result: p.json().nullable(),
    errorType: p.text().nullable(),
    errorMessage: p.text().nullable(),
    /** Why it waits for a person's approval. */
    approval: p.json().nullable(),
    approvedBy: p.text().nullable(),
    /** SHA-256 over the listing that the plan was made of, hexadecimal. */
    planDigest: p.text().nullable(),
    /** Where work without batches goes on after a crash; the kind's own shape. */
    checkpoint: p.json().nullable(),
    /** Jobs made by one request. */
    groupId: p.uuid().nullable(),
    scheduleId: p.uuid().nullable(),
    /** The job whose failed items this one repeats. */
    retryOf: p.uuid().nullable(),
    itemsTotal: p.integer().default(0),
    itemsStored: p.integer().default(0),
    itemsUnchanged: p.integer().default(0),
    itemsDeduplicated: p.integer().default(0),
    itemsFailed: p.integer().default(0),
    itemsGone: p.integer().default(0),
    itemsMoved: p.integer().default(0),
    bytesTotal: p.bigint("number").default(0),
    bytesDone: p.bigint("number").default(0),
    packs: p.integer().default(0),
    bytesSealed: p.bigint("number").default(0),
    /** Bytes and items a second, smoothed, as of `sampledAt`. */
    rateBytes: p.double().default(0),
    rateItems: p.double().default(0),
    sampledAt: p.datetime().nullable(),
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
    { properties: ["sourceId", "createdAt"] },
    { name: "sync_jobs_group", properties: ["groupId"], where: "group_id is not null" },
    { name: "sync_jobs_schedule", properties: ["scheduleId", "createdAt"], where: "schedule_id is not null" },
  ],
  policies: tenantPolicy(),
});
export type SyncJobRow = InferEntity<typeof SyncJob>;
