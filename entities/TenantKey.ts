import { defineEntity, p } from "@mikro-orm/core";
import { tenantPolicy } from "./tenancy.ts";

/**
 * A tenant's keys, each wrapped by the key manager. The current one wraps what is new; a retired one is kept until nothing is wrapped by it
 * any more. Destroying all of a tenant's makes all that it has unreadable.
 */
export const TenantKey = defineEntity({
  name: "TenantKey",
  tableName: "tenant_keys",
  schema: "sync",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid().index(),
    state: p.enum(["current", "retired", "destroyed"] as const).default("current"),
    masterKeyId: p.text(),
    /** Empty once destroyed. */
    wrappedKey: p.blob(),
    /** The secret that content ids and masks come of, sealed under this key: it outlives rotations. Null: it comes of this key itself. */
    sealedIdentity: p.blob().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
    retiredAt: p.datetime().nullable(),
  },
  uniques: [{ name: "tenant_keys_current", properties: ["tenantId"], where: "state = 'current'" }],
  policies: tenantPolicy(),
});
