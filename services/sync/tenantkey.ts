import { LRUCache } from "lru-cache";
import { errors } from "../../config/errors.ts";
import { prepared, rows, type Database, type Em } from "../../mixins/database.ts";
import {
  makeTenantKey,
  openSmallByAny,
  openTenantKey,
  type KeyManager,
  type TenantKeyRecord,
  type TenantKeys,
} from "../../mixins/vault/keys.ts";

/**
 * How long a node works with what it last read of a tenant's keys, milliseconds. After this every node knows of a rotation or a shredding;
 * and only then a new key begins to seal, so that nobody meets what a key has sealed that he does not know yet.
 */
export const recheckMs = 30_000;
const openMs = 5 * 60_000;

/** A key that opens something. The newest is the current one. */
export interface UsableKey extends TenantKeyRecord {
  state: "current" | "retired";
  /** Milliseconds since it was made, when it was read. */
  age: number;
}

/** Tenants' keys, made at first need and kept open for a while. */
export class TenantKeyring {
  private readonly database: Database;
  private readonly manager: KeyManager;
  private readonly recheck: number;
  private readonly read = new LRUCache<string, { keys: UsableKey[]; at: number }>({ max: 500 });
  private readonly opened = new LRUCache<string, TenantKeys>({ max: 1_000, ttl: openMs });

  constructor(database: Database, manager: KeyManager, recheck = recheckMs) {
    this.database = database;
    this.manager = manager;
    this.recheck = recheck;
  }

  /**
   * The key that seals for the tenant now, made when there is none yet; or the key of that id, current or retired.
   * @throws VAULT_KEY_UNUSABLE when the vault was shredded or that key is no more; what the key manager throws
   */
  async of(tenantId: string, keyId?: string): Promise<TenantKeys> {
    const { keys, at } = await this.keysOf(tenantId, this.recheck);
    if (keyId === undefined) {
      const known = keys.find(({ age }) => age + performance.now() - at >= this.recheck);
      return await this.open(tenantId, known ?? keys.at(-1)!);
    }
    const wanted = keys.find((key) => key.keyId === keyId);
    if (!wanted) throw errors.vaultKey(`Tenant key ${keyId} is no more.`);
    return await this.open(tenantId, wanted);
  }

  /** Opens a small secret by whichever of the tenant's keys has sealed it: it does not say. @throws VAULT_KEY_UNUSABLE when none has; as `of` */
  async openSecret(tenantId: string, purpose: string, sealed: Uint8Array): Promise<Buffer> {
    const { keys } = await this.keysOf(tenantId, this.recheck);
    return openSmallByAny(await Promise.all(keys.map((key) => this.open(tenantId, key))), purpose, sealed).bytes;
  }

  /** All keys of the tenant that open something, the current one first, as the database has them this moment. @throws as `of` */
  async all(tenantId: string): Promise<[TenantKeys, ...TenantKeys[]]> {
    const { keys } = await this.keysOf(tenantId, 0);
    const [current, ...retired] = await Promise.all(keys.map((key) => this.open(tenantId, key)));
    return [current!, ...retired];
  }

  private async keysOf(tenantId: string, maxAge: number): Promise<{ keys: UsableKey[]; at: number }> {
    const known = this.read.get(tenantId);
    const at = performance.now();
    if (known && at - known.at < maxAge) return known;
    this.read.delete(tenantId);
    const stored = await this.database.tenant(tenantId, (em) => usableKeys(em, tenantId));
    const fresh = { keys: stored.length ? stored : await this.make(tenantId), at };
    this.read.set(tenantId, fresh);
    return fresh;
  }

  private async open(tenantId: string, key: UsableKey): Promise<TenantKeys> {
    const known = this.opened.get(key.keyId);
    if (known) return known;
    const keys = await openTenantKey(this.manager, tenantId, key);
    this.opened.set(key.keyId, keys);
    return keys;
  }

  private async make(tenantId: string): Promise<UsableKey[]> {
    const made = await makeTenantKey(this.manager, tenantId);
    return await this.database.tenant(tenantId, async (em) => {
      await lockTenantKeys(em, tenantId);
      // Another node may have been first; or first, and then the vault was shredded: no key is ever made beside an older one.
      const keys = await usableKeys(em, tenantId);
      if (keys.length) return keys;
      await storeTenantKey(em, tenantId, made);
      return [{ ...made, state: "current", age: 0 }];
    });
  }
}

/** Until the transaction ends nobody else makes, rotates or destroys keys of this tenant. */
export const lockTenantKeys = (em: Em, tenantId: string) =>
  em.execute(`select pg_advisory_xact_lock(hashtextextended(?, 0))`, [`tenant keys ${tenantId}`]);

/** Writes a tenant's new current key; the one before has to be retired by then. */
export const storeTenantKey = (em: Em, tenantId: string, key: TenantKeyRecord) =>
  em.execute(
    `insert into sync.tenant_keys (id, tenant_id, master_key_id, wrapped_key, sealed_identity) values (?, ?, ?, ?, ?)`,
    [key.keyId, tenantId, key.masterKeyId, key.wrapped, key.sealedIdentity ?? null],
    "run",
  );

interface KeyRow {
  id: string;
  state: "current" | "retired" | "destroyed";
  master_key_id: string;
  wrapped_key: Buffer;
  sealed_identity: Buffer | null;
  age: number;
}

/** A tenant's keys that open something, the current one first; none before its first job. @throws VAULT_KEY_UNUSABLE after its vault was shredded */
export async function usableKeys(em: Em, tenantId: string): Promise<UsableKey[]> {
  const found = await rows<KeyRow>(
    em,
    `select id, state, master_key_id, wrapped_key, sealed_identity, extract(epoch from clock_timestamp() - created_at)::float8 * 1000 as age
     from sync.tenant_keys where tenant_id = ? order by state, created_at desc`,
    [tenantId],
  );
  const usable = found.flatMap(({ id, state, master_key_id, wrapped_key, sealed_identity, age }) =>
    state === "destroyed"
      ? []
      : [{ keyId: id, state, masterKeyId: master_key_id, wrapped: wrapped_key, sealedIdentity: sealed_identity, age }],
  );
  if (found.length && !usable.length)
    throw errors.vaultKey("This organisation's vault was shredded: nothing in it can be read any more, and nothing can be put into it.");
  return usable;
}

/**
 * Keeps a tenant key from being destroyed until the transaction ends. Whoever records something sealed or wrapped by a key says so
 * here first, or it might stay behind unreadable.
 * @throws VAULT_KEY_UNUSABLE when it was destroyed meanwhile
 */
export async function holdTenantKey(em: Em, keyId: string): Promise<void> {
  const [held] = await prepared<{ state: string }>(em, `select state from sync.tenant_keys where id = $1 for share`, [keyId]);
  if (!held || held.state === "destroyed")
    throw errors.vaultKey(`Tenant key ${keyId} was destroyed while it was in use: the vault was shredded, or this took far too long.`);
}
