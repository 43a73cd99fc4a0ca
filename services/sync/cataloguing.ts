import { randomUUID } from "node:crypto";
import { bulk, prepared, row, type Em } from "../../mixins/database.ts";
import { timeText, type JobRef } from "./changes.ts";
import type { PulledItem } from "./pull.ts";
import { nameOf } from "./sources/source.ts";
import { tellStored } from "./telling.ts";

/** Whose assets a job catalogues. */
export interface Cataloguing extends JobRef {
  sourceId: string;
  /** Whether what is stored is to be analysed. */
  analyse: boolean;
}

export type Catalogued = Pick<PulledItem, "path" | "size" | "modifiedAt" | "fingerprint" | "contentId" | "checksum">;

interface Changed {
  path: string;
  asset_id: string;
  change: "stored" | "returned" | "touched";
}

/**
 * Catalogues items in the caller's transaction.
 * @returns path → the asset that got a new version, and why; in the order of the items
 */
export async function catalogueItems(em: Em, job: Cataloguing, items: Catalogued[]): Promise<Map<string, Changed>> {
  if (!items.length) return new Map();
  const now = Date.now();
  const incoming = items.map((item) => ({
    id: newId(now),
    path: item.path,
    name: nameOf(item.path),
    content_id: item.contentId,
    checksum: item.checksum,
    size: item.size,
    fingerprint: item.fingerprint,
    modified_at: timeText(item.modifiedAt),
  }));
  const added = await addNew(em, job, incoming);
  const changes = new Map<string, Changed>();
  for (const { id, path } of incoming) if (added.has(id)) changes.set(path, { path, asset_id: id, change: "stored" });
  if (added.size < incoming.length) {
    const others = incoming.filter(({ id }) => !added.has(id));
    for (const changed of await renew(em, job, others)) changes.set(changed.path, changed);
  }
  return changes;
}

/**
 * A UUID of version 7, its time first: the rows of a batch lie side by side in the keys of both tables. The `uuid` package's own asks the
 * system for random bytes ever again, which thousands a second notice.
 */
function newId(milliseconds: number): string {
  const time = milliseconds.toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`;
}

interface Incoming {
  id: string;
  path: string;
}

const columns = "id uuid, path text, name text, content_id text, checksum text, size bigint, fingerprint text, modified_at timestamptz";

/** Adds assets of paths that the source has none of. @returns their ids */
async function addNew(em: Em, job: Cataloguing, incoming: Incoming[]): Promise<Set<string>> {
  const [added] = await prepared<{ ids: string[] | null }>(
    em,
    `with incoming as materialized (select * from json_to_recordset($1::json) as i(${columns})), added as (
       insert into sync.assets (id, tenant_id, source_id, path, name, content_id, size, fingerprint, modified_at)
       select id, $2::uuid, $3::uuid, path, name, decode(content_id, 'hex'), size, fingerprint, modified_at from incoming
       on conflict (tenant_id, source_id, path) do nothing returning id
     ), versions as (
       insert into sync.asset_versions (asset_id, version, tenant_id, change, path, content_id, masked_checksum, size, modified_at, job_id)
       select id, 1, $2::uuid, 'stored', path, decode(content_id, 'hex'), decode(checksum, 'hex'), size, modified_at, $4::uuid
       from incoming join added using (id)
     )
     -- Of a source that is synced for the first time it is all of them: that goes without saying.
     select case when count(*) < $5::int then coalesce(array_agg(id), '{}') end as ids from added`,
    [JSON.stringify(incoming), job.tenantId, job.sourceId, job.id, incoming.length],
  );
  return new Set(added?.ids ?? incoming.map(({ id }) => id));
}

/** Brings assets that the source has already to their new state. @returns those that got a new version by it */
async function renew(em: Em, job: Cataloguing, incoming: Incoming[]): Promise<Changed[]> {
  // What an asset was before is looked up by bounds that only the key of paths can serve: of a source that is being loaded statistics know
  // nothing, its rows would be taken for one, and all of them read for each batch.
  return await bulk<Changed>(
    em,
    `with incoming as materialized (
       select path, name, decode(content_id, 'hex') as content_id, decode(checksum, 'hex') as checksum, size, fingerprint, modified_at
       from json_to_recordset($1::json) as i(${columns})
     ), before as materialized (
       select i.path, a.content_id, a.gone_at from incoming i cross join lateral (
         select a.content_id, a.gone_at from sync.assets a
         where (a.tenant_id, a.source_id, a.path) >= ($2::uuid, $3::uuid, i.path) and (a.tenant_id, a.source_id, a.path) <= ($2::uuid, $3::uuid, i.path)
         order by a.tenant_id, a.source_id, a.path limit 1
       ) a
     ), catalogued as (
       insert into sync.assets as a (tenant_id, source_id, path, name, content_id, size, fingerprint, modified_at)
       select $2::uuid, $3::uuid, path, name, content_id, size, fingerprint, modified_at from incoming
       on conflict (tenant_id, source_id, path) do update set
         version = a.version + (a.content_id <> excluded.content_id or a.gone_at is not null or a.modified_at is distinct from excluded.modified_at)::int,
         media_type = case when a.content_id = excluded.content_id then a.media_type end,
         category = case when a.content_id = excluded.content_id then a.category end,
         duplicate_of = case when a.content_id = excluded.content_id then a.duplicate_of end,
         content_id = excluded.content_id, size = excluded.size, fingerprint = excluded.fingerprint, modified_at = excluded.modified_at,
         updated_at = now(), gone_at = null, removed_at = null
       returning id, path, version
     ), versions as (
       insert into sync.asset_versions (asset_id, version, tenant_id, change, path, content_id, masked_checksum, size, modified_at, job_id)
       select c.id, c.version, $2::uuid,
              case when b.path is null or b.content_id <> i.content_id then 'stored' when b.gone_at is not null then 'returned' else 'touched' end,
              c.path, i.content_id, i.checksum, i.size, i.modified_at, $4::uuid
       from catalogued c join incoming i using (path) left join before b using (path)
       on conflict do nothing returning asset_id, path, change
     )
     select asset_id, path, change from versions`,
    [JSON.stringify(incoming), job.tenantId, job.sourceId, job.id],
  );
}

/** The assets among these that have a new content. */
export const storedAmong = (changes: ReadonlyMap<string, Changed>): string[] =>
  [...changes.values()].flatMap(({ change, asset_id }) => (change === "stored" ? [asset_id] : []));

/** Catalogues a single file whose content is in the vault, and tells of it. @returns the asset's id */
export async function catalogueUploaded(em: Em, job: Cataloguing, item: Catalogued): Promise<string> {
  const changes = await catalogueItems(em, job, [item]);
  await tellStored(em, job, storedAmong(changes));
  const changed = changes.get(item.path);
  if (changed) return changed.asset_id;
  const known = await row<{ id: string }>(em, `select id from sync.assets where tenant_id = ? and source_id = ? and path = ?`, [
    job.tenantId,
    job.sourceId,
    item.path,
  ]);
  return known!.id;
}
