import { defineEntity, p, type InferEntity } from "@mikro-orm/core";
import type { Permission } from "../config/permissions.ts";
import { tenantPolicy } from "./tenancy.ts";

/** A program that an organisation lets sign its members in (web, native), or act for the organisation itself (service). */
export const OauthClient = defineEntity({
  name: "OauthClient",
  tableName: "oauth_clients",
  schema: "auth",
  properties: {
    /** The client_id. */
    id: p.uuid().primary(),
    tenantId: p.uuid(),
    createdBy: p.uuid(),
    name: p.text(),
    kind: p.enum(["web", "native", "service"] as const),
    /** Null where the program can't keep a secret. */
    secretHash: p.blob().nullable(),
    /** How it shows its secret at the token endpoint. */
    authMethod: p.enum(["client_secret_basic", "client_secret_post", "none"] as const),
    redirectUris: p.array<string>(),
    postLogoutRedirectUris: p.array<string>(),
    permissions: p.array<Permission>(),
    createdAt: p.datetime().defaultRaw("now()"),
    revokedAt: p.datetime().nullable(),
  },
  indexes: [{ properties: ["tenantId", "id"] }],
  policies: tenantPolicy(),
});
export type OauthClientRow = InferEntity<typeof OauthClient>;
