import { bulk, row, type Em } from "../../../mixins/database.ts";
import { unreferred } from "./packs.ts";

/**
 * Which of some contents a catalogue refers to. Every state of an asset stands in asset_versions, which has no index by content: it would cost
 * every new asset. What an asset is now is found by the index of assets instead, and what it was before by going through the assets that
 * have more than one state, once. Arrays, so that this is how it is done whatever the tables' statistics say.
 */
const now = (contents: string) =>
  `select a.content_id from sync.assets a where a.tenant_id = $1::uuid and a.content_id = any(array(${contents}))`;
const before = (contents: string) =>
  `select v.content_id from sync.assets a join sync.asset_versions v on v.asset_id = a.id
   where a.tenant_id = $1::uuid and a.version > 1 and v.content_id = any(array(${contents}))`;

const bytes = (contentIds: string[]) => contentIds.map((id) => `\\x${id}`);

export interface GarbagePage {
  /** Contents, hexadecimal, that nothing referred to a moment ago. */
  garbage: string[];
  /** Where to go on; null behind the last. */
  next: string | null;
}

const pageSize = 10_000;
/** Pages that one look goes through at most. */
const pages = 50;

/** Looks for contents that nothing refers to, from a content id (hexadecimal) on. Locks nothing. */
export async function findGarbage(em: Em, tenantId: string, after: string): Promise<GarbagePage> {
  const candidates: string[] = [];
  let next: string | null = after;
  for (let page = 0; page < pages && next !== null && candidates.length < pageSize; page++) {
    const [found]: { last: string | null; count: number; candidates: string[] | null }[] = await bulk(
      em,
      `with page as materialized (
         select b.content_id from sync.blobs b where b.tenant_id = $1::uuid and b.part = 0 and b.content_id > decode($2, 'hex')
         order by b.content_id limit ${pageSize}
       ), candidates as (select content_id from page except ${now("select content_id from page")})
       select (select encode(content_id, 'hex') from page order by content_id desc limit 1) as last, (select count(*)::int from page) as count,
              (select json_agg(encode(content_id, 'hex')) from candidates) as candidates`,
      [tenantId, next],
    );
    candidates.push(...(found!.candidates ?? []));
    next = found!.count < pageSize ? null : found!.last;
  }
  if (!candidates.length) return { garbage: [], next };
  const contents = "select unnest($2::bytea[]) as content_id";
  const garbage = await bulk<{ id: string }>(
    em,
    `select encode(content_id, 'hex') as id from (${contents} except ${before(contents)}) garbage order by content_id`,
    [tenantId, bytes(candidates)],
  );
  return { garbage: garbage.map(({ id }) => id), next };
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
  const contents = "select unnest($2::bytea[]) as content_id";
  // A statement of its own: it sees what was recorded until the locks were there.
  const [removed] = await bulk<{ contents: number; bytes: number }>(
    em,
    `with removed as (
       delete from sync.blobs b where b.tenant_id = $1::uuid
         and b.content_id = any(array(${contents} except ${now(contents)} except ${before(contents)})) returning b.part, b.stored_size
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
