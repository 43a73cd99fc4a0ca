import { timingSafeEqual } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { Page } from "../../config/action.ts";
import { granted, type Permission, type Principal } from "../../config/contracts.ts";
import { errors } from "../../config/errors.ts";
import { ApiKey, type ApiKeyRow } from "../../entities/ApiKey.ts";
import type { Database, Em } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../mixins/page.ts";
import type { Policy } from "../../mixins/policy/policy.ts";
import { keyHasher, makeApiKey, parseApiKey } from "./apikey.ts";
import type { Issuer } from "./issuer.ts";
import { grantOf } from "./roles/grant.ts";
import { mustHold } from "./roles/hold.ts";

/** A key as its organisation sees it. Times are ISO 8601. */
export interface ShownKey {
  id: string;
  name: string;
  permissions: Permission[];
  createdBy: string;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
}

const shown = (key: ApiKeyRow): ShownKey => ({
  id: key.id,
  name: key.name,
  permissions: key.permissions,
  createdBy: key.createdBy,
  createdAt: key.createdAt.toISOString(),
  expiresAt: key.expiresAt?.toISOString() ?? null,
  lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
});

/**
 * Makes a key for the caller's organisation. Without `permissions` it gets all that the caller has, but for what a rule limits.
 * @returns the key with `key`, its only appearance in clear
 * @throws PERMISSION_NOT_HELD naming what the caller lacks, VALIDATION_FAILED for an expiry that is not in the future
 */
export async function createKey(
  db: Database,
  clusterSecret: string,
  by: Principal,
  policy: Policy,
  {
    name,
    permissions = granted.filter((permission) => policy.holdsFully(permission)),
    expiresAt,
  }: { name: string; permissions?: Permission[]; expiresAt?: string },
): Promise<ShownKey & { key: string }> {
  mustHold(policy, permissions, "A key can't be given");
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now())
    throw errors.invalid([{ pointer: "/expiresAt", detail: "must be in the future" }]);
  if (!by.userId) throw errors.forbidden("Only a person, or a key that a person made, can make keys.");
  const made = makeApiKey(uuidv7());
  const key = await db.tenant(by.tenantId, async (em) => {
    const stored = em.create(ApiKey, {
      id: made.id,
      tenantId: by.tenantId,
      createdBy: by.userId!,
      name,
      secretHash: keyHasher(clusterSecret)(made),
      permissions: [...new Set(permissions)],
      expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
    });
    await em.persist(stored).flush();
    return stored;
  });
  return { ...shown(key), key: made.key };
}

/** The organisation's keys that are not revoked, newest first. */
export async function listKeys(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor }: { limit?: number; cursor?: string },
): Promise<Page<ShownKey>> {
  const scope = ["api keys", tenantId];
  const from = decodeCursor(clusterSecret, scope, cursor);
  // Ids are UUIDs of version 7: their order is that of creation, and no two are equal.
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      ApiKey,
      { tenantId, revokedAt: null, ...(from ? { id: { $lt: String(from.after[0]) } } : {}) },
      { orderBy: { id: "desc" }, limit: limit + 1 },
    ),
  );
  return pageOf(found, limit, from !== undefined, shown, (key) => encodeCursor(clusterSecret, scope, { after: [key.id] }));
}

/** Revokes a key for good; a repeat changes nothing. @throws API_KEY_NOT_FOUND, also for another organisation's key */
export async function revokeKey(em: Em, tenantId: string, id: string): Promise<{ id: string; revokedAt: string }> {
  await em.nativeUpdate(ApiKey, { tenantId, id, revokedAt: null }, { revokedAt: new Date() });
  const { revokedAt } = (await em.findOne(ApiKey, { tenantId, id })) ?? {};
  if (!revokedAt) throw errors.apiKeyNotFound("There is no such API key.", { id });
  return { id, revokedAt: revokedAt.toISOString() };
}

export interface Verified {
  /** Signed claim for ctx.meta.claim. */
  claim: string;
  expiresAt: string;
  principal: Principal;
}

/**
 * Exchanges an API key for a claim that holds a minute at most, and not longer than the key. The key names no tenant, so it is looked up in
 * the system's scope.
 * @throws UNAUTHENTICATED, the same for unknown, wrong, revoked and expired keys; a malformed one is told so
 */
export async function verifyKey(db: Database, clusterSecret: string, issuer: Issuer, credential: string): Promise<Verified> {
  const parsed = parseApiKey(credential);
  if (!parsed) throw errors.unauthenticated("The API key is malformed: expected lgd_<id>_<secret>_<checksum>. Was all of it copied?");
  const key = await db.system(async (em) => {
    const now = new Date();
    const found = await em.findOne(ApiKey, {
      id: parsed.id,
      revokedAt: null,
      $or: [{ expiresAt: null }, { expiresAt: { $gt: now } }],
    });
    if (!found || !timingSafeEqual(found.secretHash, keyHasher(clusterSecret)(parsed))) return undefined;
    // Once a minute: a busy key would otherwise rewrite its row with every look-up.
    if (now.getTime() - (found.lastUsedAt?.getTime() ?? 0) > 60_000) found.lastUsedAt = now;
    return { ...found, grant: await grantOf(em, found.tenantId, `key:${found.id}`) };
  });
  if (!key) throw errors.unauthenticated("The API key is not valid: it is unknown, revoked or expired.");
  const { userId, permissions, version } = key.grant;
  const principal: Principal = { tenantId: key.tenantId, subject: `key:${key.id}`, userId, permissions, policyVersion: version };
  const left = key.expiresAt ? Math.ceil((key.expiresAt.getTime() - Date.now()) / 1000) : Infinity;
  const { token, expiresAt } = await issuer.issue(principal, Math.max(1, Math.min(60, left)));
  return { claim: token, expiresAt, principal };
}
