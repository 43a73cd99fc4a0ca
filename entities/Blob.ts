import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** Where a content lies: a stretch of a pack, in plaintext coordinates of the pack. A large content has several parts, in order. */
export const Blob = defineEntity({
  name: "Blob",
  tableName: "blobs",
  schema: "sync",
  properties: {
    tenantId: p.uuid().primary(),
    contentId: p.blob().primary(),
    part: p.integer().primary().default(0),
    packId: p.uuid(),
    position: p.bigint("number"),
    /** Bytes of the content. */
    size: p.bigint("number"),
    /** Bytes in the pack. */
    storedSize: p.bigint("number").default(0),
    /** 0 as it is, 1 a zstd frame (RFC 8878). */
    encoding: p.smallint().default(0),
  },
  indexes: [{ properties: ["packId"] }],
  policies: tenantPolicy(),
});
