import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A place outside that assets are pulled from or pushed to, one row per normalised URI and tenant. */
export const SyncSource = defineEntity({
  name: "SyncSource",
  tableName: "sources",
  schema: "sync",
  properties: {
    id: p.uuid().primary().defaultRaw("gen_random_uuid()"),
    tenantId: p.uuid(),
    kind: p.text(),
    uri: p.text(),
    /** Given by people when they keep a source with its credentials; null for one that only jobs have named. */
    name: p.text().nullable(),
    /** What counts against the limit of connections per host; empty for folders. */
    host: p.text().default(""),
    /** SyncSettings: filters, deletions, limits, retention. */
    settings: p.json().defaultRaw("'{}'::jsonb"),
    /** The whole spec with its credentials, sealed under the tenant's key; null when nothing is kept. */
    sealedSpec: p.blob().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    updatedAt: p.datetime().defaultRaw("now()"),
  },
  uniques: [{ properties: ["tenantId", "uri"] }, { name: "sources_tenant_id_name_unique", properties: ["tenantId", "name"] }],
  policies: tenantPolicy(),
});
