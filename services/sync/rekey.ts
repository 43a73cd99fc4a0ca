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
  signal?: AbortSignal;
  settleMs?: number;
  graceMs?: number;
}

/** Where it stands: packs done of those that there were. Goes on by itself wherever it stopped; this is for showing only. */
export interface RekeyProgress {
  done: number;
  total: number;
}

export interface RekeyReport {
  /** Packs and small secrets that are under the current key now. */
  packs: number;
  secrets: number;
  /** Packs whose data key no key of the tenant opens: they are unreadable, and were before. The first hundred. */
  unusable: string[];
  /** Tenant keys that were destroyed, since nothing is under them any more and their time of grace is over. */
  destroyed: string[];
}

const unusableLimit = 100;

/**
 * Brings everything of a tenant under its current key: data keys of packs, stored sources, places of jobs. Data objects are neither read nor
 * written. Can be stopped at any moment and called again, on any node, while jobs run. Ends when nothing is under a retired key and no node
 * seals by one any more; then destroys retired keys whose time of grace is over.
 * @param onProgress runs in the transaction of the step it tells of
 * @throws VAULT_KEY_UNUSABLE when the vault is shredded meanwhile
 */
export async function rekeyTenant(
  rekeying: Rekeying,
  tenantId: string,
  from: RekeyProgress | null,
  onProgress: (em: Em, progress: RekeyProgress) => Promise<void> = () => Promise.resolve(),
): Promise<RekeyReport> {
  const report: RekeyReport = { packs: 0, secrets: 0, unusable: [], destroyed: [] };
  const progress = from ?? { done: 0, total: 0 };
  for (;;) {
    const { waiting, unsettled } = await standing(rekeying, tenantId);
    if (unsettled > 0) {
      await pause(unsettled, undefined, { signal: rekeying.signal });
      continue;
    }
    progress.total = progress.done + waiting;
    const packs = await rewrapPacks(rekeying, tenantId, report, async (em, moved) => {
      progress.done += moved;
      await onProgress(em, progress);
    });
    const secrets = await resealSecrets(rekeying, tenantId);
    report.packs += packs;
    report.secrets += secrets;
    if (!packs && !secrets) break;
  }
  report.destroyed = await rekeying.commit((em) => destroyUnused(em, tenantId, rekeying.graceMs ?? graceMs));
  return report;
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

/** Packs under retired keys, and milliseconds until no node seals by the last retired one. */
async function standing({ database, settleMs: settle = settleMs }: Rekeying, tenantId: string) {
  const found = await database.tenant(tenantId, (em) =>
    row<{ waiting: number; unsettled: number }>(
      em,
      `select (select count(*) from sync.packs p join sync.tenant_keys k on k.id = p.tenant_key_id
               where p.tenant_id = ? and k.tenant_id = ? and k.state = 'retired')::int as waiting,
              coalesce(? - extract(epoch from clock_timestamp() - max(retired_at)) * 1000, 0)::float8 as unsettled
       from sync.tenant_keys where tenant_id = ? and state = 'retired'`,
      [tenantId, tenantId, settle, tenantId],
    ),
  );
  return found!;
}

/** Packs of one transaction: some ten milliseconds of ciphers. */
const packsPerStep = 500;

interface PackRow {
  id: string;
  tenant_key_id: string;
  wrapped_key: Buffer;
}

/** Wraps the data keys of all packs that are under retired keys anew. Answers how many. */
async function rewrapPacks(
  { keyring, commit, signal }: Rekeying,
  tenantId: string,
  { unusable }: RekeyReport,
  onStep: (em: Em, moved: number) => Promise<void>,
): Promise<number> {
  let moved = 0;
  for (;;) {
    signal?.throwIfAborted();
    const [current, ...retired] = await keyring.all(tenantId);
    const step = await commit(async (em) => {
      await holdTenantKey(em, current.keyId);
      const page = await lockPacks(em, tenantId, retired, unusable);
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
      if (anew.length) await onStep(em, anew.length);
      return { found: page.length, moved: anew.length };
    });
    moved += step.moved;
    if (!step.found || unusable.length >= unusableLimit) return moved;
  }
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
