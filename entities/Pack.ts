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
    /** When it was last read back whole and found sound. */
    verifiedAt: p.datetime().nullable(),
    /** Since when it is known to be damaged, and how. */
    damagedAt: p.datetime().nullable(),
    damage: p.text().nullable(),
    /** Nothing refers to it since then; its object is removed after a time of grace. */
    doomedAt: p.datetime().nullable(),
  },
  indexes: [
    { properties: ["tenantId", "tenantKeyId"] },
    { name: "packs_doomed", properties: ["doomedAt"], where: "doomed_at is not null" },
  ],
  policies: tenantPolicy(),
});
