import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** Which content an asset had when it was last analysed: the way from an asset to its analysis and to its exact duplicates. */
export const AiAsset = defineEntity({
  name: "AiAsset",
  tableName: "assets",
  schema: "ai",
  properties: {
    tenantId: p.uuid().primary(),
    assetId: p.uuid().primary(),
    contentId: p.blob(),
    name: p.text(),
    size: p.bigint("number"),
    /** When it was first seen with this content; the first of a content is the one the others duplicate. */
    seenAt: p.datetime().defaultRaw("clock_timestamp()"),
  },
  indexes: [{ properties: ["tenantId", "contentId", "seenAt", "assetId"] }],
  policies: tenantPolicy(),
});
