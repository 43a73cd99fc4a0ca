import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** What a job's plan does to the catalogue without fetching: an asset retired, moved, or given another time. Becomes part of the report. */
export const SyncChange = defineEntity({
  name: "SyncChange",
  tableName: "changes",
  schema: "sync",
  properties: {
    jobId: p.uuid().primary(),
    /** Where the asset is now known; for a move the path it leaves. */
    path: p.text().collation("C").primary(),
    tenantId: p.uuid(),
    action: p.enum(["retire", "move", "touch"] as const),
    assetId: p.uuid(),
    /** For a move: where it goes. */
    toPath: p.text().collation("C").nullable(),
    /** Of the new listing, for a move or touch. */
    fingerprint: p.text().nullable(),
    modifiedAt: p.datetime().nullable(),
    size: p.bigint("number").default(0),
    contentId: p.blob(),
    /** How a move is recognised from the listing alone; null where only the content tells. */
    moveTag: p.text().nullable(),
    doneAt: p.datetime().nullable(),
  },
  indexes: [
    { name: "changes_by_content", properties: ["jobId", "contentId"], where: "action = 'retire'" },
    { name: "changes_by_tag", properties: ["jobId", "moveTag"], where: "action = 'retire' and move_tag is not null" },
  ],
  policies: tenantPolicy(),
});
