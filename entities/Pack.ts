import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A sealed object in the vault's storage, with its data key wrapped by a tenant key. */
export const Pack = defineEntity({
  name: "Pack",
  tableName: "packs",
  schema: "sync",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid().index(),
    storageKey: p.text(),
    chunkSize: p.integer(),
    plainSize: p.bigint("number"),
    sealedSize: p.bigint("number"),
    tenantKeyId: p.uuid(),
    wrappedKey: p.blob(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
