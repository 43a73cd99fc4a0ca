import { errors } from "../../config/errors.ts";
import { bulk, row, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { timeText, type JobRef } from "./changes.ts";
import { moveByContent } from "./moves.ts";
import type { PackRecord } from "../../mixins/vault/pack.ts";
import type { FetchItem } from "./plan.ts";
import type { PulledItem, PullFailure, PullResult, StoredPart } from "./pull.ts";
import { outcomes } from "./report.ts";
import type { Progress } from "./tally.ts";
import { holdTenantKey } from "./tenantkey.ts";

export interface Recording extends JobRef {
  sourceId: string;
  analyse: boolean;
  /** Assets may turn out to have moved: the plan found some gone. */
  moves: boolean;
}

/**
 * Records a pulled batch: pack, blobs, assets, versions, failures, outcomes, counts and events, all or nothing, in the caller's transaction.
 * A batch that is done already changes nothing: a second node may have pulled it before it was fenced.
 * @param planned the batch's items
 * @throws CONTENT_VANISHED when a content that was known has been collected meanwhile: pull the batch again
 */
export async function recordBatch(
  em: Em,
  job: Recording,
  number: number,
  planned: FetchItem[],
  result: PullResult,
  progress: Progress,
): Promise<void> {
  const batch = await row<{ bytes: number }>(
    em,
    `select bytes::float8 as bytes from sync.batches where job_id = ? and number = ? and done_at is null for update`,
    [job.id, number],
  );
  if (!batch) return;
  const { pack, items, failures } = result;
  if (pack) await recordPack(em, job.tenantId, pack);
  const placed = new Set(pack ? await recordBlobs(em, job.tenantId, pack.id, items) : []);
  const whole = result.parts === undefined ? undefined : await recordWhole(em, job, number, items[0]);
  for (const { contentId } of whole?.placed ? items : []) placed.add(hex(contentId));
  await keepKnown(em, job.tenantId, items, placed);
  const moved = job.moves ? await moveByContent(em, job, items.map(listed)) : new Set<string>();
  const changes = await recordAssets(em, job, items);
  await recordFailures(em, job, failures);

  const letters = outcomes(planned, items, moved, new Map(changes.map(({ path, change }) => [path, change])));
  await bulk(em, `update sync.batches set done_at = now(), outcomes = $3 where job_id = $1::uuid and number = $2`, [
    job.id,
    number,
    letters.text,
  ]);
  const { stored, deduplicated, unchanged } = letters;
  await progress.add(em, {
    stored,
    deduplicated,
    unchanged,
    failed: failures.length,
    bytes: batch.bytes - (whole?.bytes ?? 0),
    ...(pack && { packs: 1, sealed: pack.sealedSize }),
  });
  const assetIds = changes.flatMap(({ change, asset_id }) => (change === "stored" ? [asset_id] : []));
  if (assetIds.length)
    await appendEvent(em, "sync", {
      tenantId: job.tenantId,
      type: "asset.stored",
      stream: `assets:${job.id}`,
      data: { jobId: job.id, analyse: job.analyse, assetIds },
    });
}

const hex = (bytes: Buffer) => bytes.toString("hex");
const listed = ({ path, fingerprint, modifiedAt, contentId }: PulledItem) => ({ path, fingerprint, modifiedAt, contentId: hex(contentId) });

/**
 * Holds the contents that lie elsewhere until the commit, so that garbage collection leaves them.
 * @param placed contents that this transaction has placed itself
 */
async function keepKnown(em: Em, tenantId: string, items: PulledItem[], placed: ReadonlySet<string>): Promise<void> {
  const known = new Set(items.map(({ contentId }) => hex(contentId)).filter((id) => !placed.has(id)));
  if (!known.size) return;
  const held = await bulk(
    em,
    `select 1 from sync.blobs where tenant_id = $1::uuid and part = 0
       and content_id = any($2::bytea[]) for key share`,
    [tenantId, [...known].map((id) => `\\x${id}`)],
  );
  if (held.length < known.size)
    throw errors.contentVanished(`${known.size - held.length} contents were collected while they were found known.`);
}

/** Records a sealed object, in the caller's transaction. @throws VAULT_KEY_UNUSABLE when its key was destroyed meanwhile */
export async function recordPack(em: Em, tenantId: string, pack: PackRecord): Promise<void> {
  await holdTenantKey(em, pack.tenantKeyId);
  await bulk(
    em,
    `insert into sync.packs (id, tenant_id, storage_key, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key)
     values ($1::uuid, $2::uuid, $3, $4, $5, $6, $7::uuid, $8)`,
    [pack.id, tenantId, pack.storageKey, pack.chunkSize, pack.plainSize, pack.sealedSize, pack.tenantKeyId, pack.wrappedDataKey],
  );
}

/** @returns the contents that lie in this pack now */
async function recordBlobs(em: Em, tenantId: string, packId: string, items: PulledItem[]): Promise<string[]> {
  const fresh = items
    .filter((item) => item.offset !== null)
    .map(({ contentId, offset, size, stored, encoding }) => ({ content_id: hex(contentId), position: offset, size, stored, encoding }));
  // Another job of the tenant may have stored the same content meanwhile: the first place stays, ours is left to garbage collection.
  // In one order for all, or two jobs with the same contents would wait for each other.
  const placed = await bulk<{ id: string }>(
    em,
    `insert into sync.blobs (tenant_id, content_id, part, pack_id, position, size, stored_size, encoding)
     select $1::uuid, decode(content_id, 'hex'), 0, $2::uuid, position, size, stored, encoding
     from json_to_recordset($3::json) as b(content_id text, position bigint, size bigint, stored bigint, encoding int) order by content_id
     on conflict do nothing returning encode(content_id, 'hex') as id`,
    [tenantId, packId, JSON.stringify(fresh)],
  );
  return placed.map(({ id }) => id);
}

/**
 * Records a part of a large file, for whoever goes on with it. Part 0 starts anew: what was recorded before is given up.
 * @returns nothing when the batch is done already
 */
export async function recordPart(em: Em, job: JobRef, batch: number, part: StoredPart, progress: Progress): Promise<void> {
  const open = await row(em, `select 1 from sync.batches where job_id = ? and number = ? and done_at is null for update`, [job.id, batch]);
  if (!open) return;
  const given = part.number === 0 ? await giveUpParts(em, job, batch) : 0;
  await recordPack(em, job.tenantId, part);
  await em.execute(
    `insert into sync.parts (job_id, batch, number, tenant_id, pack_id, size, stored_size, encoding, fingerprint) values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    [job.id, batch, part.number, job.tenantId, part.id, part.size, part.stored, part.encoding, part.fingerprint],
    "run",
  );
  await progress.add(em, { bytes: part.size - given, packs: 1, sealed: part.sealedSize });
}

/** Drops the parts of a batch and leaves their packs to garbage collection. @returns their bytes */
async function giveUpParts(em: Em, job: JobRef, batch: number): Promise<number> {
  const given = await row<{ bytes: number }>(
    em,
    `with given as (delete from sync.parts where job_id = ? and batch = ? returning pack_id, size),
          doomed as (update sync.packs set doomed_at = now() where id in (select pack_id from given))
     select coalesce(sum(size), 0)::float8 as bytes from given`,
    [job.id, batch],
  );
  return given?.bytes ?? 0;
}

/**
 * Makes the parts of a large file its content's place, unless the content is known.
 * @returns bytes that were counted part by part, and whether the content lies in these parts now
 */
async function recordWhole(em: Em, job: JobRef, batch: number, item: PulledItem | undefined): Promise<{ bytes: number; placed: boolean }> {
  if (!item || item.deduplicated) return { bytes: await giveUpParts(em, job, batch), placed: false };
  const placed = await row<{ bytes: number; parts: number; placed: number }>(
    em,
    `with taken as (delete from sync.parts where job_id = ? and batch = ? returning *),
          placed as (insert into sync.blobs (tenant_id, content_id, part, pack_id, position, size, stored_size, encoding)
                     select tenant_id, decode(?, 'hex'), number, pack_id, 0, size, stored_size, encoding from taken
                     -- Another job of the tenant may have stored the same content meanwhile, in the same order: its parts stay, all of them.
                     on conflict do nothing returning pack_id),
          doomed as (update sync.packs set doomed_at = now() where id in (select pack_id from taken except select pack_id from placed))
     select coalesce(sum(size), 0)::float8 as bytes, count(*)::int as parts, (select count(*) from placed)::int as placed from taken`,
    [job.id, batch, hex(item.contentId)],
  );
  if (!placed?.parts) throw errors.contentVanished("The parts of a large file are not recorded any more.");
  return { bytes: placed.bytes, placed: placed.placed > 0 };
}

type Catalogued = Pick<PulledItem, "path" | "size" | "modifiedAt" | "fingerprint" | "contentId" | "checksum">;

interface Changed {
  path: string;
  asset_id: string;
  change: "stored" | "returned" | "touched";
}

/** Catalogues the items; returns the assets that got a new version. */
async function recordAssets(em: Em, job: Recording, items: Catalogued[]): Promise<Changed[]> {
  if (!items.length) return [];
  const incoming = items.map((item) => ({
    path: item.path,
    name: item.path.slice(item.path.lastIndexOf("/") + 1),
    content_id: hex(item.contentId),
    checksum: hex(item.checksum),
    size: item.size,
    fingerprint: item.fingerprint,
    modified_at: timeText(item.modifiedAt),
  }));
  return await bulk<Changed>(
    em,
    `with incoming as (
       select path, name, decode(content_id, 'hex') as content_id, decode(checksum, 'hex') as checksum, size, fingerprint, modified_at
       from json_to_recordset($1::json) as i(path text, name text, content_id text, checksum text, size bigint, fingerprint text, modified_at timestamptz)
     ), before as (
       select a.path, a.version, a.content_id, a.gone_at from sync.assets a join incoming i on a.path = i.path
       where a.tenant_id = $2::uuid and a.source_id = $3::uuid
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

/** Catalogues a single file whose content is in the vault, and tells of it. @returns the asset's id */
export async function recordUploaded(em: Em, job: Recording, item: Catalogued): Promise<string> {
  const [change] = await recordAssets(em, job, [item]);
  const data = { jobId: job.id, analyse: job.analyse, assetIds: change ? [change.asset_id] : [] };
  if (change?.change === "stored")
    await appendEvent(em, "sync", { tenantId: job.tenantId, type: "asset.stored", stream: `assets:${job.id}`, data });
  if (change) return change.asset_id;
  const known = await row<{ id: string }>(em, `select id from sync.assets where tenant_id = ? and source_id = ? and path = ?`, [
    job.tenantId,
    job.sourceId,
    item.path,
  ]);
  return known!.id;
}

/** Remembers what could not be stored; a repeat replaces what was known of the path. */
export async function recordFailures(em: Em, job: JobRef, failures: Omit<PullFailure, "retryable">[]): Promise<void> {
  if (!failures.length) return;
  await bulk(
    em,
    `insert into sync.failures (job_id, tenant_id, path, type, message, attempts)
     select $1::uuid, $2::uuid, path, type, message, attempts from json_to_recordset($3::json) as f(path text, type text, message text, attempts int)
     on conflict (job_id, path) do update set type = excluded.type, message = excluded.message, attempts = excluded.attempts`,
    [job.id, job.tenantId, JSON.stringify(failures)],
  );
}
