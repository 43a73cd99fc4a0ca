import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import type { Permission } from "../config/contracts.ts";
import { tenantPolicy } from "./tenancy.ts";

/** An organisation's API key; only a keyed hash of its secret is kept. */
export const ApiKey = defineEntity({
  name: "ApiKey",
  tableName: "api_keys",
  schema: "auth",
  properties: {
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    createdBy: p.uuid(),
    name: p.text(),
    secretHash: p.blob(),
    permissions: p.array<Permission>(),
    expiresAt: p.datetime().nullable(),
    lastUsedAt: p.datetime().nullable(),
    revokedAt: p.datetime().nullable(),
    createdAt: p.datetime().defaultRaw("now()"),
  },
  indexes: [{ properties: ["tenantId", "createdAt", "id"] }],
  policies: tenantPolicy(),
});
export type ApiKeyRow = InferEntity<typeof ApiKey>;
