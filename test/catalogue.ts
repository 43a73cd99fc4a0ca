import type pg from "pg";
import { wordsOf } from "../entities/AssetWords.ts";

/** A source with many generated assets, for specs and measurements of the catalogue. */
export interface Generated {
  tenantId: string;
  sourceId: string;
  uri: string;
  /** Numbers of its assets, both included. */
  from: number;
  to: number;
}

/**
 * SQL of the asset with number `i`. Paths have about 60 characters, and a folder's files are numbered in a row; every 50th asset is a video,
 * every 5,003rd rare, every 1,000th gone.
 */
const columns = `
  md5('asset ' || i)::uuid as id,
  format('Projects/Customer %s/%s/%s/IMG_%s.%s', lpad((i / 1300 % 97)::text, 3, '0'), 2012 + i / 100 % 13, (array['Raw', 'Final', 'Proofs', 'Final'])[1 + i / 25 % 4],
         lpad(i::text, 8, '0'), case when i % 50 = 0 then 'mp4' else 'jpg' end) as path,
  case when i % 50 = 0 then 'video' when i % 5003 = 0 then 'rare' else 'image' end as category,
  case when i % 50 = 0 then 'video/mp4' else 'image/jpeg' end as media_type,
  (i::bigint * 7919) % 5000000 as size,
  decode(md5(i::text) || md5('content ' || i), 'hex') as content_id,
  timestamptz '2026-01-01' + (i / 500) * interval '1 minute' as made,
  timestamptz '2020-01-01' + (i % 100000) * interval '30 minutes' as modified_at,
  case when i % 1000 = 0 then timestamptz '2026-10-01' end as gone_at`;

/** Writes the assets, one version of each and their words; far faster than a sync, and as its rows would be. */
export async function generate(admin: pg.Client, { tenantId, sourceId, uri, from, to }: Generated, jobId: string): Promise<void> {
  await admin.query(`insert into sync.sources (id, tenant_id, kind, uri) values ($1, $2, 'file', $3) on conflict do nothing`, [
    sourceId,
    tenantId,
    uri,
  ]);
  const each = 250_000;
  for (let first = from; first <= to; first += each) {
    const last = Math.min(to, first + each - 1);
    await admin.query(
      `insert into sync.assets (id, tenant_id, source_id, path, name, content_id, size, fingerprint, modified_at, media_type, category, created_at, updated_at, gone_at, version)
       select id, $1::uuid, $2::uuid, path, regexp_replace(path, '^.*/', ''), content_id, size, 'f' || size, modified_at, media_type, category, made,
              coalesce(gone_at, made), gone_at, case when gone_at is null then 1 else 2 end
       from (select ${columns} from generate_series($3::int, $4::int) i) made`,
      [tenantId, sourceId, first, last],
    );
    await admin.query(
      `insert into sync.asset_versions (asset_id, version, tenant_id, change, path, content_id, masked_checksum, size, modified_at, job_id, created_at)
       select id, version, $1::uuid, change, path, content_id, content_id, size, modified_at, $4::uuid, case version when 1 then made else gone_at end
       from (select ${columns} from generate_series($2::int, $3::int) i) made
       cross join (values (1, 'stored'), (2, 'gone')) v(version, change) where version = 1 or gone_at is not null`,
      [tenantId, first, last, jobId],
    );
    await admin.query(
      `insert into sync.asset_words select id, $1::uuid, ${wordsOf("path", "$1::uuid")} from (select ${columns} from generate_series($2::int, $3::int) i) made`,
      [tenantId, first, last],
    );
  }
}

/** Does work while the catalogue has only the indexes of its keys, and makes the others again: loading millions of rows takes a third of the time. */
export async function withoutIndexes(admin: pg.Client, work: () => Promise<void>): Promise<void> {
  const { rows } = await admin.query<{ name: string; sql: string }>(
    `select indexrelid::regclass::text as name, pg_get_indexdef(indexrelid) as sql from pg_index
     where indrelid in ('sync.assets'::regclass, 'sync.asset_versions'::regclass, 'sync.asset_words'::regclass) and not indisunique`,
  );
  for (const { name } of rows) await admin.query(`drop index ${name}`);
  await work();
  await admin.query("set maintenance_work_mem = '512MB'");
  for (const { sql } of rows) await admin.query(sql);
}

/** As autovacuum leaves them. */
export async function settle(admin: pg.Client): Promise<void> {
  for (const table of ["assets", "asset_versions", "asset_words", "sources"]) await admin.query(`vacuum (analyze) sync.${table}`);
}
