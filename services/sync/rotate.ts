import { errors } from "../../config/errors.ts";
import { describeAct } from "../../mixins/act.ts";
import { rows, type Database, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { isoTime } from "../../mixins/page.ts";
import { makeTenantKey, openTenantKey, type KeyManager } from "../../mixins/vault/keys.ts";
import { lockTenantKeys, storeTenantKey, usableKeys } from "./tenantkey.ts";

/** A tenant key as people see it. */
export interface KeyView {
  id: string;
  /** current: seals what is new; retired: opens what it has sealed; destroyed: gone for good. */
  state: "current" | "retired" | "destroyed";
  masterKeyId: string;
  /** Packs whose data key it wraps. */
  packs: number;
  createdAt: string;
  retiredAt: string | null;
}

/** A tenant's keys, newest first. */
export const listKeys = (em: Em, tenantId: string): Promise<KeyView[]> =>
  rows<KeyView>(
    em,
    `select k.id, k.state, k.master_key_id as "masterKeyId", coalesce(p.packs, 0)::int as packs,
            ${isoTime("k.created_at")} as "createdAt", ${isoTime("k.retired_at")} as "retiredAt"
     from sync.tenant_keys k
     left join (select tenant_key_id, count(*) as packs from sync.packs where tenant_id = ? group by 1) p on p.tenant_key_id = k.id
     where k.tenant_id = ? order by k.created_at desc, k.id`,
    [tenantId, tenantId],
  );

const vaultStream = (tenantId: string) => `vault:${tenantId}`;

/**
 * Gives a tenant a new key, which seals after `recheckMs`, when every node knows it. The one before is retired and goes on opening what it has
 * sealed until that has been wrapped anew (rekey.ts). Contents keep their ids. No data is touched.
 * @param then runs in the same transaction: queues the work that follows
 * @throws CONFLICT when there is no key yet or another rotation was faster; VAULT_KEY_UNUSABLE after a shredding; what the key manager throws
 */
export async function rotateTenantKey<T>(
  database: Database,
  manager: KeyManager,
  tenantId: string,
  actor: string,
  then: (em: Em) => Promise<T>,
): Promise<{ keyId: string; retired: string; queued: T }> {
  const [current] = await database.tenant(tenantId, (em) => usableKeys(em, tenantId));
  if (current?.state !== "current") throw errors.conflict("The vault has no key yet that could be rotated; the first job makes one.");
  const next = await makeTenantKey(manager, tenantId, await openTenantKey(manager, tenantId, current));
  return await database.tenant(tenantId, async (em) => {
    await lockTenantKeys(em, tenantId);
    const retired = await rows(
      em,
      `update sync.tenant_keys set state = 'retired', retired_at = now() where id = ? and state = 'current' returning id`,
      [current.keyId],
    );
    if (!retired.length) throw errors.conflict("The vault's key was changed by somebody else at the same moment.");
    await storeTenantKey(em, tenantId, next);
    const data = { keyId: next.keyId };
    await appendEvent(em, "sync", { tenantId, type: "vault.key.rotated", stream: vaultStream(tenantId), data, actor });
    const queued = await then(em);
    describeAct({ object: `vaultkey:${next.keyId}`, details: { retired: current.keyId } });
    return { keyId: next.keyId, retired: current.keyId, queued };
  });
}

/**
 * Destroys all keys of a tenant: whatever its vault holds can't be read by anybody any more, and nothing can be put into it. Other nodes
 * know after `recheckMs`. Its packs are left to garbage collection. Older backups of the database still hold the keys, wrapped.
 * @returns how many keys were destroyed; 0 when it had been shredded before
 * @throws NOT_FOUND when the tenant never had a vault
 */
export async function shredTenant(database: Database, tenantId: string, actor: string): Promise<{ keys: number }> {
  return await database.tenant(tenantId, async (em) => {
    await lockTenantKeys(em, tenantId);
    const destroyed = await rows(
      em,
      `update sync.tenant_keys set state = 'destroyed', wrapped_key = '', sealed_identity = null, retired_at = coalesce(retired_at, now())
       where tenant_id = ? and state <> 'destroyed' returning id`,
      [tenantId],
    );
    const data = { keys: destroyed.length };
    describeAct({ details: data });
    if (destroyed.length) {
      await appendEvent(em, "sync", { tenantId, type: "vault.shredded", stream: vaultStream(tenantId), data, actor });
    } else if (!(await rows(em, `select 1 from sync.tenant_keys where tenant_id = ? limit 1`, [tenantId])).length) {
      throw errors.notFound("This organisation has no vault yet: there is nothing to shred.");
    }
    return data;
  });
}
