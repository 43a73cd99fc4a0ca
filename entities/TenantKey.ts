import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/** A tenant's key, wrapped by the key ring. Dropping it makes all that it wraps unreadable. */
export const TenantKey = defineEntity({
  name: "TenantKey",
  tableName: "tenant_keys",
  schema: "sync",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid().unique(),
    masterKeyId: p.text(),
    wrappedKey: p.blob(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  policies: tenantPolicy(),
});
