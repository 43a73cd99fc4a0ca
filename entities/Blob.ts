import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** Where a content lies: a stretch of a pack, in plaintext coordinates. */
export const Blob = defineEntity({
  name: "Blob",
  tableName: "blobs",
  schema: "sync",
  properties: {
    tenantId: p.uuid().primary(),
    contentId: p.blob().primary(),
    packId: p.uuid(),
    position: p.bigint("number"),
    size: p.bigint("number"),
  },
  indexes: [{ properties: ["packId"] }],
  policies: tenantPolicy(),
});
