import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A catalogued item of a source: its current version and what is known of it. `goneAt` says since when the source lacks it. */
export const Asset = defineEntity({
  name: "Asset",
  tableName: "assets",
  schema: "sync",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    sourceId: p.uuid(),
    /** Relative to the source; byte order ("C") is the order of listings and of the plan's merge. */
    path: p.text().collation("C"),
    name: p.text(),
    version: p.integer().default(1),
    contentId: p.blob(),
    size: p.bigint("number"),
    fingerprint: p.text(),
    modifiedAt: p.datetime().nullable(),
    mediaType: p.text().nullable(),
    category: p.text().nullable(),
    duplicateOf: p.uuid().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    updatedAt: p.datetime().defaultRaw("now()"),
    goneAt: p.datetime().nullable(),
    /** Given up by the tenant's policy: shown to nobody, and its versions go when their retention is over. */
    removedAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["tenantId", "sourceId", "path"] }],
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { properties: ["tenantId", "category", "createdAt"] },
    { properties: ["tenantId", "contentId"] },
  ],
  policies: tenantPolicy(),
});
