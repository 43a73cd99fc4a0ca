import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A stored part of a large file whose transfer has not ended: where any node goes on. */
export const SyncPart = defineEntity({
  name: "SyncPart",
  tableName: "parts",
  schema: "sync",
  properties: {
    jobId: p.uuid().primary(),
    batch: p.integer().primary(),
    number: p.integer().primary(),
    tenantId: p.uuid(),
    packId: p.uuid(),
    /** Plaintext bytes. */
    size: p.bigint("number"),
    /** Bytes inside the pack, and how they are encoded (see Blob). */
    storedSize: p.bigint("number"),
    encoding: p.smallint().default(0),
    /** Of the file the part was read from: parts of another state of it are of no use. */
    fingerprint: p.text(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
