import { errors } from "../../config/errors.ts";
import { bulk, row, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import { factsOf, jobColumns, type JobView } from "./job.ts";
import type { PackRecord } from "./pack.ts";
import type { PulledItem, PullFailure, PullResult } from "./pull.ts";

export interface JobKeys {
  id: string;
  tenantId: string;
  sourceId: string;
  analyse: boolean;
}

/**
 * Records a pulled batch: pack, blobs, assets, versions, failures, counts and events, all or nothing, in the caller's transaction.
 * A batch that is done already changes nothing: a second node may have pulled it before it was fenced.
 * @param tell whether the world hears of the progress by an event
 */
export async function recordBatch(em: Em, job: JobKeys, number: number, result: PullResult, tell: boolean): Promise<void> {
  const batch = await row<{ items: number; bytes: number }>(
    em,
    `update sync.batches set done_at = now(), items = null where job_id = ? and number = ? and done_at is null
     returning item_count as items, bytes::float8 as bytes`,
    [job.id, number],
  );
  if (!batch) return;
  if (result.pack) await recordPack(em, job.tenantId, result.pack, result.items);
  const stored = await recordAssets(em, job, result.items);
  await recordFailures(em, job, result.failures);
  const view = await count(em, job.id, {
    stored: result.items.filter((item) => !item.deduplicated).length,
    deduplicated: result.items.filter((item) => item.deduplicated).length,
    failed: result.failures.length,
    bytes: batch.bytes,
  });
  if (stored.length)
    await appendEvent(em, "sync", {
      tenantId: job.tenantId,
      type: "asset.stored",
      stream: `assets:${job.id}`,
      data: { jobId: job.id, analyse: job.analyse, assetIds: stored },
    });
  if (tell)
    await appendEvent(em, "sync", { tenantId: job.tenantId, type: "sync.job.progressed", stream: `job:${job.id}`, data: factsOf(view) });
}

async function recordPack(em: Em, tenantId: string, pack: PackRecord, items: PulledItem[]): Promise<void> {
  await em.execute(
    `insert into sync.packs (id, tenant_id, storage_key, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key)
     values (?, ?, ?, ?, ?, ?, ?, decode(?, 'hex'))`,
    [
      pack.id,
      tenantId,
      pack.storageKey,
      pack.chunkSize,
      pack.plainSize,
      pack.sealedSize,
      pack.tenantKeyId,
      pack.wrappedDataKey.toString("hex"),
    ],
    "run",
  );
  const placed = items
    .filter((item) => item.offset !== null)
    .map((item) => ({ content_id: item.contentId.toString("hex"), position: item.offset, size: item.size }));
  // Another job of the tenant may have stored the same content meanwhile: the first place stays, ours is left to garbage collection.
  await bulk(
    em,
    `insert into sync.blobs (tenant_id, content_id, pack_id, position, size)
     select $1::uuid, decode(content_id, 'hex'), $2::uuid, position, size
     from json_to_recordset($3::json) as b(content_id text, position bigint, size bigint)
     on conflict do nothing`,
    [tenantId, pack.id, JSON.stringify(placed)],
  );
}

/** Catalogues the items; returns the assets that got a new version. */
async function recordAssets(em: Em, job: JobKeys, items: PulledItem[]): Promise<string[]> {
  if (!items.length) return [];
  const incoming = items.map((item) => ({
    path: item.path,
    name: item.path.slice(item.path.lastIndexOf("/") + 1),
    content_id: item.contentId.toString("hex"),
    checksum: item.checksum.toString("hex"),
    size: item.size,
    fingerprint: item.fingerprint,
    modified_at: item.modifiedAt === null ? null : new Date(item.modifiedAt).toISOString(),
  }));
  const versions = await bulk<{ asset_id: string }>(
    em,
    `with incoming as (
       select path, name, decode(content_id, 'hex') as content_id, decode(checksum, 'hex') as checksum, size, fingerprint, modified_at
       from json_to_recordset($1::json) as i(path text, name text, content_id text, checksum text, size bigint, fingerprint text, modified_at timestamptz)
     ), catalogued as (
       insert into sync.assets as a (tenant_id, source_id, path, name, content_id, size, fingerprint, modified_at)
       select $2::uuid, $3::uuid, path, name, content_id, size, fingerprint, modified_at from incoming
       on conflict (tenant_id, source_id, path) do update set
         version = a.version + (a.content_id <> excluded.content_id)::int,
         media_type = case when a.content_id = excluded.content_id then a.media_type end,
         category = case when a.content_id = excluded.content_id then a.category end,
         duplicate_of = case when a.content_id = excluded.content_id then a.duplicate_of end,
         content_id = excluded.content_id, size = excluded.size, fingerprint = excluded.fingerprint, modified_at = excluded.modified_at,
         updated_at = now(), gone_at = null
       returning id, path, version
     )
     insert into sync.asset_versions (asset_id, version, tenant_id, content_id, masked_checksum, size, modified_at, job_id)
     select c.id, c.version, $2::uuid, i.content_id, i.checksum, i.size, i.modified_at, $4::uuid from catalogued c join incoming i using (path)
     on conflict do nothing returning asset_id`,
    [JSON.stringify(incoming), job.tenantId, job.sourceId, job.id],
  );
  return versions.map((version) => version.asset_id);
}

/** Remembers what could not be stored; a repeat replaces what was known of the path. */
export async function recordFailures(
  em: Em,
  job: { id: string; tenantId: string },
  failures: Omit<PullFailure, "retryable">[],
): Promise<void> {
  if (!failures.length) return;
  await em.execute(
    `insert into sync.failures (job_id, tenant_id, path, type, message, attempts)
     select ?, ?, path, type, message, attempts from json_to_recordset(?::json) as f(path text, type text, message text, attempts int)
     on conflict (job_id, path) do update set type = excluded.type, message = excluded.message, attempts = excluded.attempts`,
    [job.id, job.tenantId, JSON.stringify(failures)],
    "run",
  );
}

interface Done {
  stored: number;
  deduplicated: number;
  failed: number;
  bytes: number;
}

/** What a small file costs beside its bytes, for progress: opening and cataloguing it is like reading 16 KiB more. */
const itemWeight = 16 * 1024;

/** Adds to the job's counts. Progress is the share of the planned work that is done; it never falls, and 100 is left to the end itself. */
async function count(em: Em, jobId: string, done: Done): Promise<JobView> {
  const job = await row<JobView>(
    em,
    `with counted as (
       select id, items_stored + ? as stored, items_deduplicated + ? as deduplicated, items_failed + ? as failed, bytes_done + ? as done
       from sync.sync_jobs where id = ? for update
     )
     update sync.sync_jobs j set items_stored = c.stored, items_deduplicated = c.deduplicated, items_failed = c.failed, bytes_done = c.done,
       progress = greatest(progress, least(99, 100 * ((c.stored + c.deduplicated + c.failed + items_unchanged) * ${itemWeight}::bigint + c.done)
                                                / greatest(1, items_total * ${itemWeight}::bigint + bytes_total)))
     from counted c where j.id = c.id returning ${jobColumns.replace("id,", "j.id,")}`,
    [done.stored, done.deduplicated, done.failed, done.bytes, jobId],
  );
  if (!job) throw errors.jobNotFound("The job's row is missing.", { id: jobId });
  return job;
}
