import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** What a mirror or restore has written to a target: an equal fingerprint there and an equal content here mean nothing is to be done. */
export const MirrorItem = defineEntity({
  name: "MirrorItem",
  tableName: "mirror_items",
  schema: "sync",
  properties: {
    targetId: p.uuid().primary(),
    path: p.text().collation("C").primary(),
    tenantId: p.uuid(),
    contentId: p.blob(),
    size: p.bigint("number"),
    /** As the target lists what was written. */
    fingerprint: p.text(),
    writtenAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
