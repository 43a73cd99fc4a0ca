import { hash, randomBytes, timingSafeEqual } from "node:crypto";
import type { ClientMetadata } from "oidc-provider";
import { v7 as uuidv7 } from "uuid";
import type { Permission, Principal } from "../../../config/permissions.ts";
import { errors, type Fault } from "../../../config/errors.ts";
import { OauthClient, type OauthClientRow } from "../../../entities/OauthClient.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Policy } from "../../../mixins/policy/policy.ts";
import { mustHold } from "../roles/hold.ts";
import type { Records } from "./records.ts";
import { identityScopes } from "./scopes.ts";

/** A client as its organisation sees it. */
export interface ShownClient {
  /** The client_id. */
  id: string;
  name: string;
  kind: OauthClientRow["kind"];
  authMethod: OauthClientRow["authMethod"];
  redirectUris: string[];
  postLogoutRedirectUris: string[];
  permissions: Permission[];
  createdBy: string;
  createdAt: string;
}

export interface NewClient {
  name: string;
  kind: OauthClientRow["kind"];
  authMethod?: "client_secret_basic" | "client_secret_post";
  redirectUris?: string[];
  postLogoutRedirectUris?: string[];
  permissions?: Permission[];
}

const shown = (client: OauthClientRow): ShownClient => ({
  id: client.id,
  name: client.name,
  kind: client.kind,
  authMethod: client.authMethod,
  redirectUris: client.redirectUris,
  postLogoutRedirectUris: client.postLogoutRedirectUris,
  permissions: client.permissions,
  createdBy: client.createdBy,
  createdAt: client.createdAt.toISOString(),
});

/**
 * Registers a program of the caller's organisation.
 * @returns the client with `clientSecret`, its only appearance in clear; null for a native program, which could not keep it
 * @throws PERMISSION_NOT_HELD, VALIDATION_FAILED naming every redirect URI at fault
 */
export async function createClient(
  db: Database,
  by: Principal,
  policy: Policy,
  { name, kind, authMethod = "client_secret_basic", redirectUris = [], postLogoutRedirectUris = [], permissions = [] }: NewClient,
): Promise<ShownClient & { clientSecret: string | null }> {
  mustHold(policy, permissions, "A client can't be given");
  if (!by.userId) throw errors.forbidden("Only a person can register a client.");
  const faults = faultsOf(kind, redirectUris, postLogoutRedirectUris);
  if (faults.length) throw errors.invalid(faults);
  const secret = kind === "native" ? null : `lgc_${randomBytes(32).toString("base64url")}`;
  const client = await db.tenant(by.tenantId, async (em) => {
    const stored = em.create(OauthClient, {
      id: uuidv7(),
      tenantId: by.tenantId,
      createdBy: by.userId!,
      name,
      kind,
      secretHash: secret === null ? null : secretHash(secret),
      authMethod: kind === "native" ? "none" : authMethod,
      redirectUris,
      postLogoutRedirectUris,
      permissions: [...new Set(permissions)],
    });
    await em.persist(stored).flush();
    return stored;
  });
  return { ...shown(client), clientSecret: secret };
}

/** The organisation's clients that are not revoked, newest first. */
export const listClients = (db: Database, tenantId: string): Promise<ShownClient[]> =>
  db.tenant(tenantId, async (em) => (await em.find(OauthClient, { tenantId, revokedAt: null }, { orderBy: { id: "desc" } })).map(shown));

/** Revokes a client and all that was given to it; a repeat changes nothing. @throws OAUTH_CLIENT_NOT_FOUND, also for another organisation's */
export async function revokeClient(
  db: Database,
  records: Records,
  tenantId: string,
  id: string,
): Promise<{ id: string; revokedAt: string }> {
  const revokedAt = await db.tenant(tenantId, async (em) => {
    await em.nativeUpdate(OauthClient, { tenantId, id, revokedAt: null }, { revokedAt: new Date() });
    return (await em.findOne(OauthClient, { tenantId, id }))?.revokedAt;
  });
  if (!revokedAt) throw errors.oauthClientNotFound("There is no such client.", { id });
  await records.removeOfClient(id);
  return { id, revokedAt: revokedAt.toISOString() };
}

/** A client that is not revoked, whichever organisation's: the provider knows no tenant before it knows the client. */
export async function clientOf(db: Database, id: string): Promise<OauthClientRow | undefined> {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(id)) return undefined;
  return (await db.system((em) => em.findOne(OauthClient, { id, revokedAt: null }))) ?? undefined;
}

/** A client in the words of RFC 7591. Its secret is not known here: the hash takes its place, see `isSecretOf`. */
export const metadataOf = (client: OauthClientRow): ClientMetadata => ({
  client_id: client.id,
  client_name: client.name,
  ...(client.secretHash && { client_secret: client.secretHash.toString("hex") }),
  application_type: client.kind === "native" ? "native" : "web",
  grant_types: client.kind === "service" ? ["client_credentials"] : ["authorization_code", "refresh_token"],
  response_types: client.kind === "service" ? [] : ["code"],
  redirect_uris: client.redirectUris,
  post_logout_redirect_uris: client.postLogoutRedirectUris,
  token_endpoint_auth_method: client.authMethod,
  scope: [...(client.kind === "service" ? [] : identityScopes), ...client.permissions].join(" "),
});

/** Whether a shown secret is the one whose hash stands in the client's metadata. */
export const isSecretOf = (metadataSecret: string, shownSecret: string): boolean =>
  timingSafeEqual(Buffer.from(metadataSecret), Buffer.from(secretHash(shownSecret).toString("hex")));

/** It has 256 random bits, so a plain hash tells nothing. */
const secretHash = (secret: string): Buffer => hash("sha256", secret, "buffer");

function faultsOf(kind: NewClient["kind"], redirectUris: string[], postLogoutRedirectUris: string[]): Fault[] {
  const faults: Fault[] = [];
  if (kind === "service" && redirectUris.length)
    faults.push({ pointer: "/redirectUris", detail: "must be empty: a service signs nobody in" });
  if (kind !== "service" && !redirectUris.length) faults.push({ pointer: "/redirectUris", detail: "must name at least one URI" });
  for (const [name, uris] of Object.entries({ redirectUris, postLogoutRedirectUris }))
    uris.forEach((uri, i) => {
      const detail = faultOf(kind, uri);
      if (detail) faults.push({ pointer: `/${name}/${i}`, detail });
    });
  return faults;
}

/** RFC 9700, 2.1 and 4.1.1; RFC 8252, 7: where codes may be sent. */
function faultOf(kind: NewClient["kind"], uri: string): string | undefined {
  const url = URL.parse(uri);
  if (!url) return "must be an absolute URI";
  if (url.hash || uri.includes("#")) return "must have no fragment";
  if (url.username || url.password) return "must carry no user and password";
  const loopback = url.protocol === "http:" && ["127.0.0.1", "[::1]", "localhost"].includes(url.hostname);
  if (kind === "native" && /^[a-z][a-z0-9+-]*(\.[a-z0-9+-]+)+:$/.test(url.protocol)) return undefined;
  if (url.protocol === "https:" || loopback) return undefined;
  return kind === "native"
    ? "must be https, http on this machine (127.0.0.1, [::1], localhost), or a scheme made of a domain, as com.example.app"
    : "must be https, or http on this machine (127.0.0.1, [::1], localhost)";
}
