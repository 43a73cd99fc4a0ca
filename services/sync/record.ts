import { errors } from "../../config/errors.ts";
import { bulk, prepared, row, type Em } from "../../mixins/database.ts";
import { catalogueItems, storedAmong, type Cataloguing } from "./cataloguing.ts";
import type { PlannedBatch } from "./batches.ts";
import type { JobRef } from "./changes.ts";
import { moveByContent } from "./moves.ts";
import type { PackRecord } from "../../mixins/vault/pack.ts";
import type { PulledItem, PullFailure, PullResult, StoredPart } from "./pull.ts";
import { outcomes } from "./report.ts";
import type { Progress } from "./tally.ts";
import { tellOrKeep } from "./telling.ts";
import { holdTenantKey } from "./tenantkey.ts";

export interface Recording extends Cataloguing {
  /** Assets may turn out to have moved: the plan found some gone. */
  moves: boolean;
}

/**
 * Records a pulled batch: pack, blobs, assets, versions, failures, outcomes, counts and events, all or nothing, in the caller's transaction.
 * A batch that is done already changes nothing: a second node may have pulled it before it was fenced.
 * @throws CONTENT_VANISHED when a content that was known has been collected meanwhile: pull the batch again
 */
export async function recordBatch(
  em: Em,
  job: Recording,
  { number, items: planned }: PlannedBatch,
  result: PullResult,
  progress: Progress,
): Promise<void> {
  const [batch] = await prepared<{ bytes: number }>(
    em,
    `select bytes::float8 as bytes from sync.batches where job_id = $1 and number = $2 and done_at is null for update`,
    [job.id, number],
  );
  if (!batch) return;
  const { pack, items, failures } = result;
  if (pack) await recordPack(em, job.tenantId, pack);
  const placed = new Set(pack ? await recordBlobs(em, job.tenantId, pack.id, items) : []);
  const whole = result.parts === undefined ? undefined : await recordWhole(em, job, number, items[0]);
  for (const { contentId } of whole?.placed ? items : []) placed.add(contentId);
  await keepKnown(em, job.tenantId, items, placed);
  const moved = job.moves ? await moveByContent(em, job, items) : new Set<string>();
  const changes = await catalogueItems(em, job, items);
  await recordFailures(em, job, failures);

  const letters = outcomes(planned, items, moved, changes);
  const untold = await tellOrKeep(em, job, storedAmong(changes));
  await prepared(
    em,
    `update sync.batches set done_at = now(), outcomes = $3, untold = $4::uuid[] where job_id = $1::uuid and number = $2`,
    [job.id, number, letters.text, untold.length ? untold : null],
  );
  const { stored, deduplicated, unchanged } = letters;
  await progress.add(em, {
    stored,
    deduplicated,
    unchanged,
    failed: failures.length,
    bytes: batch.bytes - (whole?.bytes ?? 0),
    ...(pack && { packs: 1, sealed: pack.sealedSize }),
  });
}

/**
 * Holds the contents that lie elsewhere until the commit, so that garbage collection leaves them.
 * @param placed contents that this transaction has placed itself
 */
async function keepKnown(em: Em, tenantId: string, items: PulledItem[], placed: ReadonlySet<string>): Promise<void> {
  const known = new Set(items.map(({ contentId }) => contentId).filter((id) => !placed.has(id)));
  if (!known.size) return;
  const held = await prepared(
    em,
    `select 1 from unnest($2::bytea[]) as wanted(id) cross join lateral (
       select 1 from sync.blobs b where b.tenant_id = $1::uuid and b.content_id = wanted.id and b.part = 0 for key share
     ) held`,
    [tenantId, [...known].map((id) => `\\x${id}`)],
  );
  if (held.length < known.size)
    throw errors.contentVanished(`${known.size - held.length} contents were collected while they were found known.`);
}

/** Records a sealed object, in the caller's transaction. @throws VAULT_KEY_UNUSABLE when its key was destroyed meanwhile */
export async function recordPack(em: Em, tenantId: string, pack: PackRecord): Promise<void> {
  await holdTenantKey(em, pack.tenantKeyId);
  await prepared(
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
    .map(({ contentId, offset, size, stored, encoding }) => ({ content_id: contentId, position: offset, size, stored, encoding }));
  // Another job of the tenant may have stored the same content meanwhile: the first place stays, ours is left to garbage collection. Only where
  // that happened the placed ones are named: else they are all of them. In one order for all, or two jobs with the same contents would wait for
  // each other.
  const [placed] = await prepared<{ ids: string[] | null }>(
    em,
    `with placed as (
       insert into sync.blobs (tenant_id, content_id, part, pack_id, position, size, stored_size, encoding)
       select $1::uuid, decode(content_id, 'hex'), 0, $2::uuid, position, size, stored, encoding
       from json_to_recordset($3::json) as b(content_id text, position bigint, size bigint, stored bigint, encoding int) order by content_id
       on conflict do nothing returning content_id
     )
     select case when count(*) < $4::int then coalesce(array_agg(encode(content_id, 'hex')), '{}') end as ids from placed`,
    [tenantId, packId, JSON.stringify(fresh), fresh.length],
  );
  return placed?.ids ?? fresh.map((blob) => blob.content_id);
}

/**
 * Records a part of a large file, for whoever goes on with it. Part 0 starts anew: what was recorded before is given up.
 * @returns nothing when the batch is done already
 */
export async function recordPart(em: Em, job: JobRef, batch: number, part: StoredPart, progress: Progress): Promise<void> {
  const open = await prepared(em, `select 1 from sync.batches where job_id = $1 and number = $2 and done_at is null for update`, [
    job.id,
    batch,
  ]);
  if (!open.length) return;
  const given = part.number === 0 ? await giveUpParts(em, job, batch) : 0;
  await recordPack(em, job.tenantId, part);
  await prepared(
    em,
    `insert into sync.parts (job_id, batch, number, tenant_id, pack_id, size, stored_size, encoding, fingerprint)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [job.id, batch, part.number, job.tenantId, part.id, part.size, part.stored, part.encoding, part.fingerprint],
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
    [job.id, batch, item.contentId],
  );
  if (!placed?.parts) throw errors.contentVanished("The parts of a large file are not recorded any more.");
  return { bytes: placed.bytes, placed: placed.placed > 0 };
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
