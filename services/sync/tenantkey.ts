import { LRUCache } from "lru-cache";
import { errors, failureType } from "../../config/errors.ts";
import { row, rows, type Database, type Em } from "../../mixins/database.ts";
import {
  makeTenantKey,
  openSmall,
  openTenantKey,
  type KeyManager,
  type TenantKeyRecord,
  type TenantKeys,
} from "../../mixins/vault/keys.ts";

/** How long a node works with what it last read of a tenant's keys, milliseconds: after this every node knows of a rotation or a shredding. */
export const recheckMs = 30_000;
const openMs = 5 * 60_000;

/** A key that opens something: the current one, which alone seals, or a retired one. */
export interface UsableKey extends TenantKeyRecord {
  state: "current" | "retired";
}

/** Tenants' keys, made at first need and kept open for a while. */
export class TenantKeyring {
  private readonly database: Database;
  private readonly manager: KeyManager;
  private readonly read = new LRUCache<string, { keys: UsableKey[]; at: number }>({ max: 500 });
  private readonly opened = new LRUCache<string, TenantKeys>({ max: 1_000, ttl: openMs });

  constructor(database: Database, manager: KeyManager) {
    this.database = database;
    this.manager = manager;
  }

  /**
   * The tenant's current key, made when there is none yet; or the one of that id, current or retired.
   * @throws VAULT_KEY_UNUSABLE when the vault was shredded or that key is no more; what the key manager throws
   */
  async of(tenantId: string, keyId?: string): Promise<TenantKeys> {
    const known = await this.keysOf(tenantId);
    const wanted = (keys: UsableKey[]) => keys.find((key) => (keyId === undefined ? key.state === "current" : key.keyId === keyId));
    // A key that is not known here may have been made by another node a moment ago.
    const found = wanted(known) ?? wanted(await this.keysOf(tenantId, 0));
    if (!found) throw errors.vaultKey(keyId === undefined ? "The organisation has no current key." : `Tenant key ${keyId} is no more.`);
    return await this.open(tenantId, found);
  }

  /** All keys of the tenant that open something, the current one first, as the database has them this moment. @throws as `of` */
  async all(tenantId: string): Promise<[TenantKeys, ...TenantKeys[]]> {
    const [current, ...retired] = await this.keysOf(tenantId, 0);
    return [await this.open(tenantId, current!), ...(await Promise.all(retired.map((key) => this.open(tenantId, key))))];
  }

  /**
   * Opens a small secret, whichever of the tenant's keys has sealed it: it does not say.
   * @returns the bytes and the key that opened them
   * @throws VAULT_KEY_UNUSABLE when none of them does
   */
  async openSecret(tenantId: string, purpose: string, sealed: Uint8Array): Promise<{ bytes: Buffer; keyId: string }> {
    let failure: unknown;
    for (const age of [recheckMs, 0]) {
      for (const key of await this.keysOf(tenantId, age)) {
        try {
          return { bytes: openSmall(await this.open(tenantId, key), purpose, sealed), keyId: key.keyId };
        } catch (error) {
          if (failureType(error) !== "VAULT_KEY_UNUSABLE") throw error;
          failure ??= error;
        }
      }
    }
    throw failure;
  }

  private async keysOf(tenantId: string, age = recheckMs): Promise<UsableKey[]> {
    const known = this.read.get(tenantId);
    const at = Date.now();
    if (known && at - known.at < age) return known.keys;
    this.read.delete(tenantId);
    const stored = await this.database.tenant(tenantId, (em) => usableKeys(em, tenantId));
    const keys = stored.length ? stored : await this.make(tenantId);
    this.read.set(tenantId, { keys, at });
    return keys;
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
      return [{ ...made, state: "current" }];
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
}

/** A tenant's keys that open something, the current one first; none before its first job. @throws VAULT_KEY_UNUSABLE after its vault was shredded */
export async function usableKeys(em: Em, tenantId: string): Promise<UsableKey[]> {
  const found = await rows<KeyRow>(
    em,
    `select id, state, master_key_id, wrapped_key, sealed_identity from sync.tenant_keys where tenant_id = ? order by state, created_at desc`,
    [tenantId],
  );
  const usable = found.flatMap(({ id, state, master_key_id, wrapped_key, sealed_identity }) =>
    state === "destroyed" ? [] : [{ keyId: id, state, masterKeyId: master_key_id, wrapped: wrapped_key, sealedIdentity: sealed_identity }],
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
  const held = await row<{ state: string }>(em, `select state from sync.tenant_keys where id = ? for share`, [keyId]);
  if (!held || held.state === "destroyed")
    throw errors.vaultKey(`Tenant key ${keyId} was destroyed while it was in use: the vault was shredded, or this took far too long.`);
}
