import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A small WebP of one content, sealed: a picture is as private as the asset it was made from. */
export const AiThumbnail = defineEntity({
  name: "AiThumbnail",
  tableName: "thumbnails",
  schema: "ai",
  properties: {
    tenantId: p.uuid().primary(),
    contentId: p.blob().primary(),
    width: p.smallint(),
    height: p.smallint(),
    sealed: p.blob(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
