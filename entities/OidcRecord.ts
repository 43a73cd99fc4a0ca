import { defineEntity, p } from "@mikro-orm/core";
import type { Permission } from "../config/permissions.ts";
import { currentTenant, relatedPolicy } from "./tenancy.ts";

/** What the OpenID provider keeps: tokens, codes, grants, sessions, interactions. Ids and contents are not readable from the table alone. */
export const OidcRecord = defineEntity({
  name: "OidcRecord",
  tableName: "oidc_records",
  schema: "auth",
  properties: {
    /** Keyed hash of kind and id. */
    key: p.blob().primary(),
    kind: p.text(),
    sealed: p.blob(),
    /** Keyed hashes too. */
    grantKey: p.blob().nullable(),
    uidKey: p.blob().nullable(),
    userId: p.uuid().nullable(),
    clientId: p.uuid().nullable(),
    /** Of an access token: what its scope names of the API. */
    permissions: p.array<Permission>().nullable(),
    expiresAt: p.datetime().nullable(),
    consumedAt: p.datetime().nullable(),
  },
  indexes: [
    { properties: ["grantKey"] },
    { properties: ["uidKey"] },
    { properties: ["userId"] },
    { properties: ["clientId"] },
    { properties: ["expiresAt"] },
  ],
  policies: relatedPolicy(`select 1 from auth.oauth_clients c where c.id = oidc_records.client_id and c.tenant_id = ${currentTenant}`),
});
