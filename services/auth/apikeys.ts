import { timingSafeEqual } from "node:crypto";
import { LockMode } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import type { Page } from "../../config/action.ts";
import { granted, type Permission, type Principal } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import { ApiKey, type ApiKeyRow } from "../../entities/ApiKey.ts";
import { describeAct } from "../../mixins/act.ts";
import type { Database, Em } from "../../mixins/database.ts";
import { networkOf } from "../../mixins/networks.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../mixins/page.ts";
import type { Policy } from "../../mixins/policy/policy.ts";
import { keyHasher, makeApiKey, parseApiKey } from "./apikey.ts";
import type { Issuer } from "./issuer.ts";
import { accountById } from "./accounts/accounts.ts";
import { grantIn, roleOf } from "./roles/grant.ts";
import { mustHold } from "./roles/hold.ts";

/** A key as its organisation sees it. Times are ISO 8601. */
export interface ShownKey {
  id: string;
  name: string;
  permissions: Permission[];
  /** The service account whose key it is; null for the organisation's own. */
  accountId: string | null;
  /** CIDRs from which it may be used; from anywhere when null. */
  networks: string[] | null;
  createdBy: string;
  createdAt: string;
  expiresAt: string | null;
  lastUsedAt: string | null;
  /** The key that takes its place. */
  replacedBy: string | null;
}

export interface NewKey {
  name: string;
  permissions?: Permission[] | undefined;
  accountId?: string | undefined;
  networks?: string[] | undefined;
  expiresAt?: string | undefined;
}

export const shown = (key: ApiKeyRow): ShownKey => ({
  id: key.id,
  name: key.name,
  permissions: key.permissions,
  accountId: key.accountId ?? null,
  networks: key.networks ?? null,
  createdBy: key.createdBy,
  createdAt: key.createdAt.toISOString(),
  expiresAt: key.expiresAt?.toISOString() ?? null,
  lastUsedAt: key.lastUsedAt?.toISOString() ?? null,
  replacedBy: key.replacedBy ?? null,
});

/**
 * Makes a key of the caller's organisation, or of one of its service accounts, which can do no more than the account's role. Without `permissions` it
 * gets all that the caller has, but for what a rule limits; an account's key all that its role has.
 * @returns the key with `key`, its only appearance in clear
 * @throws PERMISSION_NOT_HELD naming what the caller lacks, SERVICE_ACCOUNT_NOT_FOUND, VALIDATION_FAILED for a network, or an expiry that is not in the future
 */
export async function createKey(
  db: Database,
  clusterSecret: string,
  by: Principal,
  policy: Policy,
  wish: NewKey,
): Promise<ShownKey & { key: string }> {
  const { accountId, expiresAt } = wish;
  const networks = wish.networks && checkedNetworks(wish.networks);
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now())
    throw errors.invalid([{ pointer: "/expiresAt", detail: "must be in the future" }]);
  if (!by.userId) throw errors.forbidden("Only a person, or a key that a person made, can make keys.");
  return await db.tenant(by.tenantId, async (em) => {
    const role = accountId && (await roleOf(em, by.tenantId, (await accountById(em, by.tenantId, accountId)).role));
    const permissions =
      wish.permissions ?? (role || { permissions: granted.filter((permission) => policy.holdsFully(permission)) }).permissions;
    mustHold(policy, permissions, "A key can't be given");
    return await store(em, clusterSecret, {
      tenantId: by.tenantId,
      createdBy: by.userId!,
      name: wish.name,
      permissions: [...new Set(permissions)],
      accountId: accountId ?? null,
      networks: networks ?? null,
      expiresAt: expiresAt === undefined ? null : new Date(expiresAt),
    });
  });
}

type Stored = Pick<ApiKeyRow, "tenantId" | "createdBy" | "name" | "permissions" | "accountId" | "networks" | "expiresAt">;

async function store(em: Em, clusterSecret: string, key: Stored): Promise<ShownKey & { key: string }> {
  const made = makeApiKey(uuidv7());
  const stored = em.create(ApiKey, { ...key, id: made.id, secretHash: keyHasher(clusterSecret)(made) });
  await em.persist(stored).flush();
  describeAct({ object: `apikey:${made.id}` });
  return { ...shown(stored), key: made.key };
}

function checkedNetworks(given: string[]): string[] {
  const networks = given.map(networkOf);
  const faults = networks.flatMap((network, index) =>
    network === undefined
      ? [{ pointer: `/networks/${index}`, detail: "must be an address or a CIDR, e.g. 192.0.2.0/24 or 2001:db8::/32" }]
      : [],
  );
  if (faults.length) throw errors.invalid(faults);
  return networks as string[];
}

/**
 * Makes a key that takes another one's place, with the same name, permissions, owner, networks and length of life. The old one goes on to work for some
 * hours, so that programs can change over without a gap.
 * @throws API_KEY_NOT_FOUND, CONFLICT for one that was replaced before, PERMISSION_NOT_HELD
 */
export async function rotateKey(
  em: Em,
  clusterSecret: string,
  by: Principal,
  policy: Policy,
  { id, overlapHours }: { id: string; overlapHours: number },
): Promise<ShownKey & { key: string; replaces: ShownKey }> {
  const { tenantId } = by;
  const old = await em.findOne(ApiKey, { tenantId, id, revokedAt: null }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  const now = Date.now();
  if (!old || (old.expiresAt && old.expiresAt.getTime() <= now)) throw errors.apiKeyNotFound("There is no such API key.", { id });
  if (old.replacedBy) throw errors.conflict("This key was replaced before.", { replacedBy: old.replacedBy });
  mustHold(policy, old.permissions, "A key can't be replaced that has");
  const { createdBy, name, permissions, accountId, networks } = old;
  const expiresAt = old.expiresAt ? new Date(now + old.expiresAt.getTime() - old.createdAt.getTime()) : null;
  const made = await store(em, clusterSecret, { tenantId, createdBy, name, permissions, accountId, networks, expiresAt });
  old.replacedBy = made.id;
  old.expiresAt = new Date(Math.min(now + overlapHours * 3_600_000, old.expiresAt?.getTime() ?? Infinity));
  await em.flush();
  return { ...made, replaces: shown(old) };
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
  /** CIDRs from which it may be used; from anywhere when null. Whoever keeps the claim holds each request's address against them. */
  networks: string[] | null;
}

/** The row of a key that was shown whole, whatever its state. Keys name no tenant: the system's scope. */
export async function keyOf(em: Em, clusterSecret: string, credential: string): Promise<ApiKeyRow | undefined> {
  const parsed = parseApiKey(credential);
  const found = parsed && (await em.findOne(ApiKey, { id: parsed.id }));
  return found && timingSafeEqual(found.secretHash, keyHasher(clusterSecret)(parsed)) ? found : undefined;
}

/**
 * Exchanges an API key for a claim that holds a minute at most, and not longer than the key.
 * @throws UNAUTHENTICATED, the same for unknown, wrong, revoked, expired keys and those of disabled accounts; a malformed one is told so
 */
export async function verifyKey(db: Database, clusterSecret: string, issuer: Issuer, credential: string): Promise<Verified> {
  if (!parseApiKey(credential))
    throw errors.unauthenticated("The API key is malformed: expected lgd_<id>_<secret>_<checksum>. Was all of it copied?");
  const key = await db.system(async (em) => {
    const found = await keyOf(em, clusterSecret, credential);
    const grant = found && (await grantIn(em, found.tenantId, `key:${found.id}`));
    if (!grant) return undefined;
    const now = new Date();
    // Once a minute: a busy key would otherwise rewrite its row with every look-up.
    if (now.getTime() - (found.lastUsedAt?.getTime() ?? 0) > 60_000) found.lastUsedAt = now;
    return { ...found, grant };
  });
  if (!key) throw errors.unauthenticated("The API key is not valid: it is unknown, revoked or expired.");
  const { userId, permissions, version } = key.grant;
  const principal: Principal = { tenantId: key.tenantId, subject: `key:${key.id}`, userId, permissions, policyVersion: version };
  const left = key.expiresAt ? Math.ceil((key.expiresAt.getTime() - Date.now()) / 1000) : Infinity;
  const { token, expiresAt } = await issuer.issue(principal, Math.max(1, Math.min(60, left)));
  return { claim: token, expiresAt, principal, networks: key.networks ?? null };
}
