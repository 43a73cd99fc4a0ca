import { timingSafeEqual } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { Page } from "../../config/action.ts";
import { permissions as known, type Permission, type Principal } from "../../config/contracts.ts";
import { errors } from "../../config/errors.ts";
import { row, rows, type Database } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../mixins/page.ts";
import { keyHasher, makeApiKey, parseApiKey } from "./apikey.ts";
import type { Issuer } from "./issuer.ts";

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

interface StoredKey {
  id: string;
  tenant_id: string;
  name: string;
  permissions: Permission[];
  created_by: string;
  created_at: Date;
  expires_at: Date | null;
  last_used_at: Date | null;
}

const shown = (key: StoredKey): ShownKey => ({
  id: key.id,
  name: key.name,
  permissions: key.permissions,
  createdBy: key.created_by,
  createdAt: key.created_at.toISOString(),
  expiresAt: key.expires_at?.toISOString() ?? null,
  lastUsedAt: key.last_used_at?.toISOString() ?? null,
});
const columns = `id, tenant_id, name, permissions, created_by, created_at, expires_at, last_used_at`;

/**
 * Makes a key for the caller's organisation. Without `permissions` it gets all of the caller's own.
 * @returns the key with `key`, its only appearance in clear
 * @throws PERMISSION_NOT_HELD naming what the caller lacks, VALIDATION_FAILED for an expiry that is not in the future
 */
export async function createKey(
  db: Database,
  clusterSecret: string,
  by: Principal,
  { name, permissions = [...by.permissions], expiresAt }: { name: string; permissions?: Permission[]; expiresAt?: string },
): Promise<ShownKey & { key: string }> {
  const lacking = permissions.filter((permission) => !by.permissions.includes(permission));
  if (lacking.length)
    throw errors.permissionNotHeld(`A key can't be given what its maker lacks: ${lacking.join(", ")}.`, { permissions: lacking });
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now())
    throw errors.invalid([{ pointer: "/expiresAt", detail: "must be in the future" }]);
  if (!by.userId) throw errors.forbidden("Only a person, or a key that a person made, can make keys.");
  const made = makeApiKey(uuidv7());
  const stored = await db.tenant(by.tenantId, (em) =>
    row<StoredKey>(
      em,
      `insert into auth.api_keys (id, tenant_id, created_by, name, secret_hash, permissions, expires_at)
       select ?, ?, ?, ?, ?, array(select jsonb_array_elements_text(?::jsonb)), ? returning ${columns}`,
      [
        made.id,
        by.tenantId,
        by.userId,
        name,
        keyHasher(clusterSecret)(made),
        JSON.stringify([...new Set(permissions)]),
        expiresAt ? new Date(expiresAt) : null,
      ],
    ),
  );
  return { ...shown(stored!), key: made.key };
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
    rows<StoredKey>(
      em,
      `select ${columns} from auth.api_keys where tenant_id = ? and revoked_at is null ${from ? "and id < ?" : ""} order by id desc limit ?`,
      [tenantId, ...(from ? [from.after[0]] : []), limit + 1],
    ),
  );
  return pageOf(found, limit, from !== undefined, shown, (key) => encodeCursor(clusterSecret, scope, { after: [key.id] }));
}

/** Revokes a key for good; a repeat changes nothing. @throws API_KEY_NOT_FOUND, also for another organisation's key */
export async function revokeKey(db: Database, tenantId: string, id: string): Promise<{ id: string; revokedAt: string }> {
  const revoked = await db.tenant(tenantId, (em) =>
    row<{ revoked_at: Date }>(
      em,
      `update auth.api_keys set revoked_at = coalesce(revoked_at, now()) where tenant_id = ? and id = ? returning revoked_at`,
      [tenantId, id],
    ),
  );
  if (!revoked) throw errors.apiKeyNotFound("There is no such API key.", { id });
  return { id, revokedAt: revoked.revoked_at.toISOString() };
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
    const found = await row<StoredKey & { secret_hash: Buffer; stale: boolean }>(
      em,
      `select ${columns}, secret_hash, last_used_at is null or last_used_at < now() - interval '1 minute' as stale
       from auth.api_keys where id = ? and revoked_at is null and (expires_at is null or expires_at > now())`,
      [parsed.id],
    );
    if (!found || !timingSafeEqual(found.secret_hash, keyHasher(clusterSecret)(parsed))) return undefined;
    // Once a minute: a busy key would otherwise rewrite its row with every look-up.
    if (found.stale) await em.execute(`update auth.api_keys set last_used_at = now() where id = ?`, [found.id], "run");
    return found;
  });
  if (!key) throw errors.unauthenticated("The API key is not valid: it is unknown, revoked or expired.");
  const principal: Principal = {
    tenantId: key.tenant_id,
    subject: `key:${key.id}`,
    userId: key.created_by,
    permissions: key.permissions.filter((permission) => known.includes(permission)),
  };
  const left = key.expires_at ? Math.ceil((key.expires_at.getTime() - Date.now()) / 1000) : Infinity;
  const { token, expiresAt } = await issuer.issue(principal, Math.max(1, Math.min(60, left)));
  return { claim: token, expiresAt, principal };
}
