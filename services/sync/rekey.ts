import { setTimeout as pause } from "node:timers/promises";
import { bulk, row, rows, type Database, type Em } from "../../mixins/database.ts";
import { resealSmall, rewrapDataKey, tenantKeyContext, type KeyManager, type TenantKeys } from "../../mixins/vault/keys.ts";
import { rewrapTable, type Rewrapped, type RewrapWish } from "../../mixins/vault/rewrap.ts";
import { credentialsPurpose, sourcePurpose } from "./sealedplaces.ts";
import { holdTenantKey, recheckMs, type TenantKeyring } from "./tenantkey.ts";

/**
 * How long a retired key is kept at least, milliseconds. A batch that was sealed by it may be recorded late, and the ai service seals its
 * thumbnails anew when it hears of the rotation: an event that waits for it seven days at most.
 */
export const graceMs = 8 * 24 * 3600 * 1000;

/** How long after a rotation no node seals by the old key any more, and every node opens by the new one, milliseconds. */
const settleMs = recheckMs + 15_000;

export interface Rekeying {
  database: Database;
  keyring: TenantKeyring;
  /** A transaction of the tenant; a job's is fenced by its lease. */
  commit: <T>(work: (em: Em) => Promise<T>) => Promise<T>;
  /** Whether to stop at this place; asked between two steps. */
  leave?: () => Promise<boolean>;
  signal?: AbortSignal;
  settleMs?: number;
  graceMs?: number;
}

/** How far it has come, as plain data. Where it goes on after a crash stands in the rows themselves. */
export interface Rekeyed {
  /** Packs and small secrets that were brought under the current key. */
  packs: number;
  secrets: number;
  /** Packs whose data key no key of the tenant opens: they are unreadable, and were before. A hundred or a few more at most. */
  unusable: string[];
}

const unusableLimit = 100;

/**
 * Brings everything of a tenant under its current key: data keys of packs, stored sources, places of jobs. Data objects are neither read nor
 * written. Can be stopped at any moment and called again, on any node, while jobs run. Ends when nothing is under a retired key and no node
 * seals by one any more; then destroys retired keys whose time of grace is over.
 * @param onStep runs in the transaction of the step that it tells of
 * @returns what was done and which keys were destroyed; nothing when it was to leave
 * @throws VAULT_KEY_UNUSABLE when the vault is shredded meanwhile, or a retired key can't be opened
 */
export async function rekeyTenant(
  rekeying: Rekeying,
  tenantId: string,
  from: Rekeyed | null,
  onStep: (em: Em, sum: Rekeyed, packs: number) => Promise<void> = () => Promise.resolve(),
): Promise<(Rekeyed & { destroyed: string[] }) | undefined> {
  const { database, commit, leave, signal, settleMs: settle = settleMs, graceMs: grace = graceMs } = rekeying;
  let sum = from ?? { packs: 0, secrets: 0, unusable: [] };
  for (;;) {
    if (await leave?.()) return undefined;
    signal?.throwIfAborted();
    const unsettled = await database.tenant(tenantId, (em) => untilSettled(em, tenantId, settle));
    if (unsettled > 0) {
      await pause(Math.min(unsettled, 1_000), undefined, { signal });
      continue;
    }
    const { packs, unusable } = await rewrapPacks(rekeying, tenantId, sum, onStep);
    const secrets = packs ? 0 : await resealSecrets(rekeying, tenantId);
    sum = { packs: sum.packs + packs, secrets: sum.secrets + secrets, unusable: [...sum.unusable, ...unusable] };
    if (!packs && !secrets && (!unusable.length || sum.unusable.length >= unusableLimit)) break;
  }
  return { ...sum, destroyed: await commit((em) => destroyUnused(em, tenantId, grace)) };
}

/** How many packs of a tenant are under retired keys. */
export async function packsToRekey(em: Em, tenantId: string): Promise<number> {
  const found = await row<{ packs: number }>(
    em,
    `select count(*)::int as packs from sync.packs where tenant_id = ? and tenant_key_id in (
       select id from sync.tenant_keys where tenant_id = ? and state = 'retired')`,
    [tenantId, tenantId],
  );
  return found!.packs;
}

/** Organisations with retired keys whose time of grace is over: a rekey job destroys them. In the system's scope. */
export async function tenantsWithOldKeys(em: Em): Promise<string[]> {
  const found = await rows<{ id: string }>(
    em,
    `select distinct tenant_id as id from sync.tenant_keys where state = 'retired' and retired_at < now() - interval '${graceMs} milliseconds'`,
  );
  return found.map(({ id }) => id);
}

/** Wraps all tenants' keys by the current master key; see `rewrapTable`. */
export const rewrapTenantKeys = (database: Database, manager: KeyManager, wish?: RewrapWish): Promise<Rewrapped> =>
  rewrapTable(database, manager, wrappedKeys, wish);

const wrappedKeys = {
  table: "sync.tenant_keys",
  id: "id",
  idType: "uuid",
  wrapped: "wrapped_key",
  tenant: "tenant_id",
  where: "state <> 'destroyed'",
  context: tenantKeyContext,
} as const;

/** Milliseconds until no node seals by the key that was retired last. */
async function untilSettled(em: Em, tenantId: string, settle: number): Promise<number> {
  const found = await row<{ left: number }>(
    em,
    `select coalesce(? - extract(epoch from clock_timestamp() - max(retired_at)) * 1000, 0)::float8 as left
     from sync.tenant_keys where tenant_id = ? and state = 'retired'`,
    [settle, tenantId],
  );
  return found!.left;
}

/** Packs of one transaction: some ten milliseconds of ciphers. */
const packsPerStep = 500;

interface PackRow {
  id: string;
  tenant_key_id: string;
  wrapped_key: Buffer;
}

/** Wraps the data keys of the next packs that are under retired keys anew. */
async function rewrapPacks(
  { keyring, commit }: Rekeying,
  tenantId: string,
  sum: Rekeyed,
  onStep: (em: Em, sum: Rekeyed, packs: number) => Promise<void>,
): Promise<{ packs: number; unusable: string[] }> {
  const [current, ...retired] = await keyring.all(tenantId);
  return await commit(async (em) => {
    await holdTenantKey(em, current.keyId);
    const page = await lockPacks(em, tenantId, retired, sum.unusable);
    const unusable: string[] = [];
    const anew = page.flatMap(({ id, tenant_key_id, wrapped_key }) => {
      const from = retired.find(({ keyId }) => keyId === tenant_key_id)!;
      try {
        return [{ id, wrapped: rewrapDataKey(from, current, id, wrapped_key).toString("hex") }];
      } catch {
        unusable.push(id);
        return [];
      }
    });
    await bulk(
      em,
      `update sync.packs p set tenant_key_id = $1::uuid, wrapped_key = decode(r.wrapped, 'hex')
       from json_to_recordset($2::json) as r(id uuid, wrapped text) where p.id = r.id`,
      [current.keyId, JSON.stringify(anew)],
    );
    const packs = anew.length;
    if (page.length) await onStep(em, { ...sum, packs: sum.packs + packs, unusable: [...sum.unusable, ...unusable] }, packs);
    return { packs, unusable };
  });
}

/** The next packs under retired keys, locked in order of id so that others who lock several wait instead of dead-locking. */
const lockPacks = (em: Em, tenantId: string, retired: TenantKeys[], except: string[]): Promise<PackRow[]> =>
  bulk<PackRow>(
    em,
    `with page as (
       select id from sync.packs where tenant_id = $1::uuid and tenant_key_id = any($2::uuid[]) and id <> all($3::uuid[]) limit ${packsPerStep}
     )
     select p.id, p.tenant_key_id, p.wrapped_key from sync.packs p join page using (id)
     where p.tenant_key_id = any($2::uuid[]) order by p.id for update of p`,
    [tenantId, `{${retired.map(({ keyId }) => keyId).join(",")}}`, `{${except.join(",")}}`],
  );

const secretsPerStep = 200;

/** Columns with small secrets of a tenant, and what each was sealed for. Those of ended jobs count too: their failed items may be tried again. */
const secretColumns = [
  { table: "sync.sources", column: "sealed_spec", purpose: sourcePurpose },
  { table: "sync.sync_jobs", column: "sealed_credentials", purpose: credentialsPurpose },
];

/** Seals small secrets that are under retired keys anew. What no key opens is of no use to anybody and is left. Answers how many. */
async function resealSecrets({ database, keyring, commit, signal }: Rekeying, tenantId: string): Promise<number> {
  let resealed = 0;
  for (const { table, column, purpose } of secretColumns) {
    for (let after: string | null = null; ;) {
      signal?.throwIfAborted();
      const page: { id: string; sealed: Buffer }[] = await database.tenant(tenantId, (em) =>
        rows(
          em,
          `select id, ${column} as sealed from ${table} where tenant_id = ? and ${column} is not null and (?::uuid is null or id > ?::uuid)
           order by id limit ${secretsPerStep}`,
          [tenantId, after, after],
        ),
      );
      const keys = await keyring.all(tenantId);
      const anew = page.flatMap(({ id, sealed }) => {
        const again = resealSmall(keys, purpose(id), sealed);
        return again ? [{ id, old: sealed.toString("hex"), sealed: again.toString("hex") }] : [];
      });
      if (anew.length) {
        await commit(async (em) => {
          await holdTenantKey(em, keys[0].keyId);
          await bulk(
            em,
            `update ${table} t set ${column} = decode(r.sealed, 'hex') from json_to_recordset($1::json) as r(id uuid, old text, sealed text)
             where t.id = r.id and t.${column} = decode(r.old, 'hex')`,
            [JSON.stringify(anew)],
          );
        });
      }
      resealed += anew.length;
      if (page.length < secretsPerStep) break;
      after = page.at(-1)!.id;
    }
  }
  return resealed;
}

/** Destroys retired keys that nothing is under and whose time of grace is over. Answers their ids. */
async function destroyUnused(em: Em, tenantId: string, grace: number): Promise<string[]> {
  // Locked first: whoever records a pack by one of them at this moment is waited for, and its pack is then seen.
  const old = await rows<{ id: string }>(
    em,
    `select id from sync.tenant_keys where tenant_id = ? and state = 'retired' and retired_at < now() - ? * interval '1 millisecond' for update`,
    [tenantId, grace],
  );
  const destroyed = await rows<{ id: string }>(
    em,
    `update sync.tenant_keys k set state = 'destroyed', wrapped_key = '', sealed_identity = null
     where id in (select value::uuid from json_array_elements_text(?::json))
       and not exists (select 1 from sync.packs p where p.tenant_id = k.tenant_id and p.tenant_key_id = k.id) returning id`,
    [JSON.stringify(old.map(({ id }) => id))],
  );
  return destroyed.map(({ id }) => id);
}
