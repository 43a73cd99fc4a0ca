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
    name: p.text().collation("C"),
    version: p.integer().default(1),
    contentId: p.blob(),
    size: p.bigint("number"),
    fingerprint: p.text(),
    modifiedAt: p.datetime().nullable(),
    mediaType: p.text().nullable(),
    category: p.text().nullable(),
    duplicateOf: p.uuid().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    /** When a job last changed anything of it. */
    updatedAt: p.datetime().defaultRaw("now()"),
    goneAt: p.datetime().nullable(),
    /** Given up by the tenant's policy: shown to nobody, and its versions go when their retention is over. */
    removedAt: p.datetime().nullable(),
  },
  uniques: [{ properties: ["tenantId", "sourceId", "path"] }],
  indexes: [
    // One per sort of a list. They begin with the source: a list of all sources merges the heads of each, and a source loaded after
    // others is not looked for behind them.
    // Times are the same for what one transaction wrote, a few hundred rows: those are put in order by id as they are read.
    { properties: ["sourceId", "createdAt"] },
    { properties: ["sourceId", "updatedAt"] },
    { properties: ["sourceId", "name", "id"] },
    { properties: ["sourceId", "size", "id"] },
    // One per filter that may be rare. A new asset is in none of them, so that the sync's road does not pay for them.
    { name: "assets_by_category", properties: ["tenantId", "category", "createdAt"], where: "category is not null" },
    { name: "assets_by_media_type", properties: ["tenantId", "mediaType", "createdAt"], where: "media_type is not null" },
    { name: "assets_gone", properties: ["sourceId", "goneAt"], where: "gone_at is not null" },
    { properties: ["tenantId", "contentId"] },
  ],
  policies: tenantPolicy(),
});
