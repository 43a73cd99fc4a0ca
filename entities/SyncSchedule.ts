import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** When a stored source is synced by itself. */
export const SyncSchedule = defineEntity({
  name: "SyncSchedule",
  tableName: "schedules",
  schema: "sync",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    userId: p.uuid().nullable(),
    sourceId: p.uuid(),
    name: p.text(),
    /** Five fields, or six with seconds. */
    cron: p.text(),
    /** IANA name. */
    timeZone: p.text(),
    /** What happens to runs that were missed while the cluster was down: one run makes up for all, or none. */
    catchUp: p.enum(["once", "skip"] as const).default("once"),
    mode: p.enum(["incremental", "full"] as const).default("incremental"),
    priority: p.smallint().default(1),
    options: p.json().defaultRaw("'{}'::jsonb"),
    enabled: p.boolean().default(true),
    nextAt: p.datetime().nullable(),
    lastAt: p.datetime().nullable(),
    lastJobId: p.uuid().nullable(),
    /** Runs that did not start because the one before was still at work. */
    skipped: p.integer().default(0),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  uniques: [{ properties: ["tenantId", "name"] }],
  indexes: [{ name: "schedules_due", properties: ["nextAt"], where: "enabled" }],
  policies: tenantPolicy(),
});
