import { bulk, row, type Em } from "../../../mixins/database.ts";
import { unreferred } from "./packs.ts";

/**
 * Those contents among $2 (bytea[]) that a catalogue refers to. Every state of an asset stands in asset_versions, which has no index by
 * content: it would cost every new asset. What an asset is now is found by the index of assets instead, and what it was before by going
 * through the assets that have more than one state, once. The array has to be a parameter: then it is searched by hash, whatever the tables'
 * statistics say.
 */
const referredNow = `select content_id from sync.assets where tenant_id = $1::uuid and content_id = any($2::bytea[])`;
const referredBefore = `select v.content_id from sync.assets a join sync.asset_versions v on v.asset_id = a.id
   where a.tenant_id = $1::uuid and a.version > 1 and v.content_id = any($2::bytea[])`;

const bytes = (contentIds: string[]) => contentIds.map((id) => `\\x${id}`);

export interface GarbagePage {
  /** Contents, hexadecimal, that nothing referred to a moment ago. */
  garbage: string[];
  /** Where to go on; null behind the last. */
  next: string | null;
}

const pageSize = 10_000;
/** Pages that one look goes through at most. */
const pages = 20;

/** Looks for contents that nothing refers to, from a content id (hexadecimal) on. Locks nothing. */
export async function findGarbage(em: Em, tenantId: string, after: string): Promise<GarbagePage> {
  const without = async (ids: string[], referred: string) => {
    if (!ids.length) return ids;
    const found = await bulk<{ id: string }>(em, `select distinct encode(content_id, 'hex') as id from (${referred}) r`, [
      tenantId,
      bytes(ids),
    ]);
    const wanted = new Set(found.map(({ id }) => id));
    return ids.filter((id) => !wanted.has(id));
  };
  const candidates: string[] = [];
  let next: string | null = after;
  for (let page = 0; page < pages && next !== null && candidates.length < pageSize; page++) {
    const found: { id: string }[] = await bulk(
      em,
      `select encode(content_id, 'hex') as id from sync.blobs where tenant_id = $1::uuid and part = 0 and content_id > decode($2, 'hex')
       order by content_id limit ${pageSize}`,
      [tenantId, next],
    );
    const ids = found.map(({ id }) => id);
    candidates.push(...(await without(ids, referredNow)));
    next = ids.length < pageSize ? null : ids.at(-1)!;
  }
  return { garbage: await without(candidates, referredBefore), next };
}

/**
 * Removes contents that still nothing refers to, in the caller's transaction. A job that has found one of them known meanwhile holds its row:
 * what is held is left. From then on a job that wants one waits for this transaction and stores it again.
 * @returns how many contents, and their bytes in packs
 */
export async function removeGarbage(em: Em, tenantId: string, garbage: string[]): Promise<{ contents: number; bytes: number }> {
  const held = await bulk<{ id: string }>(
    em,
    `select encode(content_id, 'hex') as id from sync.blobs
     where tenant_id = $1::uuid and part = 0 and content_id = any($2::bytea[]) order by content_id for update skip locked`,
    [tenantId, bytes(garbage)],
  );
  // A statement of its own: it sees what was recorded until the locks were there.
  const [removed] = await bulk<{ contents: number; bytes: number }>(
    em,
    `with referred as materialized (${referredNow} union ${referredBefore}), removed as (
       delete from sync.blobs b where b.tenant_id = $1::uuid and b.content_id = any($2::bytea[])
         and b.content_id not in (select content_id from referred) returning b.part, b.stored_size
     )
     select count(*) filter (where part = 0)::int as contents, coalesce(sum(stored_size), 0)::float8 as bytes from removed`,
    [tenantId, bytes(held.map(({ id }) => id))],
  );
  return removed!;
}

/** Drops parts of large files whose jobs have ended. @returns how many */
export async function dropParts(em: Em, tenantId: string): Promise<number> {
  const dropped = await bulk(
    em,
    `delete from sync.parts t using sync.sync_jobs j
     where t.tenant_id = $1::uuid and j.id = t.job_id and j.status in ('completed', 'completed_with_errors', 'failed', 'cancelled') returning 1`,
    [tenantId],
  );
  return dropped.length;
}

/** Dooms packs that nothing lies in any more, a page of them. @returns how many */
export async function doomEmpty(em: Em, tenantId: string): Promise<number> {
  const doomed = await bulk(
    em,
    `update sync.packs set doomed_at = now() where id in (
       select p.id from sync.packs p where p.tenant_id = $1::uuid and p.doomed_at is null and ${unreferred} limit ${pageSize}
     ) and doomed_at is null returning 1`,
    [tenantId],
  );
  return doomed.length;
}

/** Drops what a shredded vault holds, a page of it: nobody can ever read it. @returns whether there is more */
export async function dropShredded(em: Em, tenantId: string): Promise<boolean> {
  const found = await row<{ blobs: number; packs: number }>(
    em,
    `with parts as (delete from sync.parts where tenant_id = ?),
          blobs as (delete from sync.blobs where ctid = any(array(select ctid from sync.blobs where tenant_id = ? limit ${pageSize})) returning 1),
          packs as (update sync.packs set doomed_at = '-infinity'
                    where id in (select id from sync.packs where tenant_id = ? and doomed_at is distinct from '-infinity' limit ${pageSize}) returning 1)
     select (select count(*) from blobs)::int as blobs, (select count(*) from packs)::int as packs`,
    [tenantId, tenantId, tenantId],
  );
  return found!.blobs + found!.packs > 0;
}

/** How long an object stays after nothing refers to it any more, seconds: whoever holds a ticket to it reads on. */
const graceSeconds = 3600;

/** Doomed packs whose time of grace is over. */
export async function ripePacks(em: Em, tenantId: string, limit: number): Promise<{ id: string; key: string }[]> {
  return await bulk(
    em,
    `select p.id, p.storage_key as key from sync.packs p
     where p.tenant_id = $1::uuid and p.doomed_at < now() - interval '${graceSeconds} seconds' and ${unreferred} order by p.doomed_at, p.id limit $2`,
    [tenantId, limit],
  );
}

/** Forgets doomed packs whose objects are gone. @returns their bytes in storage */
export async function forgetPacks(em: Em, ids: string[]): Promise<{ packs: number; bytes: number }> {
  const [forgotten] = await bulk<{ packs: number; bytes: number }>(
    em,
    `with forgotten as (
       delete from sync.packs where id = any($1::uuid[]) and doomed_at is not null returning sealed_size
     ) select count(*)::int as packs, coalesce(sum(sealed_size), 0)::float8 as bytes from forgotten`,
    [ids],
  );
  return forgotten!;
}
