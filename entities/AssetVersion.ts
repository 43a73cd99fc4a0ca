import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** Every content an asset has had. The checksum is the SHA-256 masked per tenant: equal content of two tenants is not seen to be equal. */
export const AssetVersion = defineEntity({
  name: "AssetVersion",
  tableName: "asset_versions",
  schema: "sync",
  properties: {
    assetId: p.uuid().primary(),
    version: p.integer().primary(),
    tenantId: p.uuid(),
    contentId: p.blob(),
    maskedChecksum: p.blob(),
    size: p.bigint("number"),
    modifiedAt: p.datetime().nullable(),
    jobId: p.uuid(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
