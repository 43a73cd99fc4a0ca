import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A place assets are pulled from, one row per normalised URI and tenant. */
export const SyncSource = defineEntity({
  name: "SyncSource",
  tableName: "sources",
  schema: "sync",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    kind: p.text(),
    uri: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  uniques: [{ properties: ["tenantId", "uri"] }],
  policies: tenantPolicy(),
});
