import { LRUCache } from "lru-cache";
import { row, type Database, type Em } from "../../mixins/database.ts";
import { makeTenantKey, openTenantKey, type KeyManager, type TenantKeyRecord, type TenantKeys } from "../../mixins/vault/keys.ts";

interface KeyRow {
  id: string;
  master_key_id: string;
  wrapped_key: Buffer;
}

/** Tenants' keys, made at first need and kept open for a while. */
export class TenantKeyring {
  private readonly database: Database;
  private readonly manager: KeyManager;
  private readonly opened = new LRUCache<string, TenantKeys>({ max: 500, ttl: 5 * 60_000 });

  constructor(database: Database, manager: KeyManager) {
    this.database = database;
    this.manager = manager;
  }

  async of(tenantId: string): Promise<TenantKeys> {
    const known = this.opened.get(tenantId);
    if (known) return known;
    const record = (await this.database.tenant(tenantId, (em) => tenantKeyRecord(em, tenantId))) ?? (await this.make(tenantId));
    const keys = await openTenantKey(this.manager, tenantId, record);
    this.opened.set(tenantId, keys);
    return keys;
  }

  private async make(tenantId: string): Promise<TenantKeyRecord> {
    const made = await makeTenantKey(this.manager, tenantId);
    return await this.database.tenant(tenantId, async (em) => {
      // Two nodes may be first at once: one key wins, and both use it.
      await em.execute(
        `insert into sync.tenant_keys (id, tenant_id, master_key_id, wrapped_key) values (?, ?, ?, decode(?, 'hex')) on conflict (tenant_id) do nothing`,
        [made.keyId, tenantId, made.masterKeyId, made.wrapped.toString("hex")],
        "run",
      );
      return (await tenantKeyRecord(em, tenantId)) ?? made;
    });
  }
}

/** A tenant's wrapped key; undefined before its first job. */
export async function tenantKeyRecord(em: Em, tenantId: string): Promise<TenantKeyRecord | undefined> {
  const found = await row<KeyRow>(em, `select id, master_key_id, wrapped_key from sync.tenant_keys where tenant_id = ?`, [tenantId]);
  return found && { keyId: found.id, masterKeyId: found.master_key_id, wrapped: found.wrapped_key };
}
