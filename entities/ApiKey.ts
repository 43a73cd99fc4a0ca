import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import type { Permission } from "../config/permissions.ts";
import { tenantPolicy } from "./tenancy.ts";

/** An API key of an organisation or of one of its service accounts; only a keyed hash of its secret is kept. */
export const ApiKey = defineEntity({
  name: "ApiKey",
  tableName: "api_keys",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    createdBy: p.uuid(),
    /** The service account whose key it is; null for the organisation's own. */
    accountId: p.uuid().nullable(),
    name: p.text(),
    secretHash: p.blob(),
    permissions: p.array<Permission>(),
    /** CIDRs from which it may be used; from anywhere when null. */
    networks: p.array().nullable(),
    /** The key that takes its place; it ends itself at `expiresAt`. */
    replacedBy: p.uuid().nullable(),
    expiresAt: p.datetime().nullable(),
    lastUsedAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  indexes: [
    { properties: ["tenantId", "createdAt", "id"] },
    { name: "api_keys_of_account", properties: ["accountId"], where: "account_id is not null" },
  ],
  policies: tenantPolicy(),
});
export type ApiKeyRow = InferEntity<typeof ApiKey>;
