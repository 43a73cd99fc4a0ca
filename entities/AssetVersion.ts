import { defineEntity, p } from "@mikro-orm/core";
import { assetChanges } from "../config/states.ts";
import { tenantPolicy } from "./tenancy.ts";

/**
 * Every state an asset has had: another content, another path, another time, gone and back. The one with the highest version at or before
 * a moment is how the asset was then. The checksum is the SHA-256 masked per tenant: equal content of two tenants is not seen to be equal.
 */
export const AssetVersion = defineEntity({
  name: "AssetVersion",
  tableName: "asset_versions",
  schema: "sync",
  properties: {
    assetId: p.uuid().primary(),
    version: p.integer().primary(),
    tenantId: p.uuid(),
    change: p.enum(assetChanges).default("stored"),
    path: p.text().collation("C").default(""),
    contentId: p.blob(),
    maskedChecksum: p.blob(),
    size: p.bigint("number"),
    modifiedAt: p.datetime().nullable(),
    jobId: p.uuid(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  indexes: [
    // Which assets have moved since a moment: a folder as it was holds them too.
    { name: "asset_versions_moves", properties: ["tenantId", "createdAt", "assetId"], where: "change = 'moved'" },
  ],
  policies: tenantPolicy(),
});
