import type { EventMap } from "../../config/events.ts";
import { rows, type Em } from "../../mixins/database.ts";
import { analyserVersion } from "./analyse.ts";
import type { AssetTicket, Finding } from "./batch.ts";

/** Which of these contents this version of the analyser has already read. A failed analysis does not count: it may go better now. */
export async function knownContents(em: Em, contentIds: readonly string[]): Promise<Set<string>> {
  const known = await rows<{ id: string }>(
    em,
    `select encode(content_id, 'hex') as id from ai.analyses
     where analyser = ? and status <> 'failed'
       and content_id in (select decode(value, 'hex') from jsonb_array_elements_text(?::jsonb))`,
    [analyserVersion, JSON.stringify(contentIds)],
  );
  return new Set(known.map(({ id }) => id));
}

/** Thumbnails of one statement: about a megabyte. */
const CHUNK = 64;

/**
 * Writes a batch: analyses, thumbnails, and which content each asset has. What is already there stays, except a failed analysis
 * that has now succeeded.
 * @returns the assets of which something is known, for `asset.analysed`
 */
export async function record(
  em: Em,
  tenantId: string,
  assets: readonly AssetTicket[],
  findings: readonly Finding[],
): Promise<EventMap["asset.analysed"]["assets"]> {
  // In order of content id: two nodes with overlapping batches wait for each other instead of dead-locking.
  const sorted = findings.toSorted((a, b) => (a.contentId < b.contentId ? -1 : 1));
  for (let at = 0; at < sorted.length; at += CHUNK) {
    const written = new Set(await writeAnalyses(em, tenantId, sorted.slice(at, at + CHUNK)));
    await writeThumbnails(
      em,
      tenantId,
      sorted.slice(at, at + CHUNK).filter(({ contentId }) => written.has(contentId)),
    );
  }
  await writeAssets(em, tenantId, assets);
  return rows(em, analysedSql, [analyserVersion, JSON.stringify(assets.map(({ assetId }) => assetId))]);
}

async function writeAnalyses(em: Em, tenantId: string, findings: readonly Finding[]): Promise<string[]> {
  const written = await rows<{ id: string }>(
    em,
    `insert into ai.analyses (tenant_id, content_id, analyser, asset_id, status, media_type, category, confidence, metadata, problem, duration_ms)
     select ?, decode(x."contentId", 'hex'), x.analyser, x."assetId", x.status, x."mediaType", x.category, x.confidence, x.metadata, x.problem, x."durationMs"
     from jsonb_to_recordset(?::jsonb) as x("contentId" text, analyser text, "assetId" uuid, status text, "mediaType" text, category text,
       confidence real, metadata jsonb, problem text, "durationMs" int)
     on conflict (tenant_id, content_id, analyser) do update
       set asset_id = excluded.asset_id, status = excluded.status, media_type = excluded.media_type, category = excluded.category,
           confidence = excluded.confidence, metadata = excluded.metadata, problem = excluded.problem,
           duration_ms = excluded.duration_ms, created_at = now()
       where analyses.status = 'failed' and excluded.status <> 'failed'
     returning encode(content_id, 'hex') as id`,
    [tenantId, JSON.stringify(findings.map(({ contentId, assetId, analysis }) => ({ contentId, assetId, ...analysis })))],
  );
  return written.map(({ id }) => id);
}

async function writeThumbnails(em: Em, tenantId: string, findings: readonly Finding[]): Promise<void> {
  const thumbnails = findings.flatMap(({ contentId, thumbnail }) =>
    thumbnail ? [{ contentId, ...thumbnail, sealed: thumbnail.sealed.toString("base64") }] : [],
  );
  if (!thumbnails.length) return;
  await em.execute(
    `insert into ai.thumbnails (tenant_id, content_id, width, height, sealed)
     select ?, decode(x."contentId", 'hex'), x.width, x.height, decode(x.sealed, 'base64')
     from jsonb_to_recordset(?::jsonb) as x("contentId" text, width int, height int, sealed text)
     on conflict (tenant_id, content_id) do update
       set width = excluded.width, height = excluded.height, sealed = excluded.sealed, created_at = now()`,
    [tenantId, JSON.stringify(thumbnails)],
    "run",
  );
}

async function writeAssets(em: Em, tenantId: string, assets: readonly AssetTicket[]): Promise<void> {
  await em.execute(
    `insert into ai.assets (tenant_id, asset_id, content_id, name, size)
     select ?, x."assetId", decode(x."contentId", 'hex'), x.name, x.size
     from jsonb_to_recordset(?::jsonb) as x("assetId" uuid, "contentId" text, name text, size bigint)
     on conflict (tenant_id, asset_id) do update
       set content_id = excluded.content_id, name = excluded.name, size = excluded.size, seen_at = clock_timestamp()
       where assets.content_id <> excluded.content_id`,
    [tenantId, JSON.stringify(assets.map(({ assetId, contentId, name, size }) => ({ assetId, contentId, name, size })))],
    "run",
  );
}

/** The first asset seen with a content is the original; the others duplicate it. Empty contents are alike without being copies. */
const analysedSql = `
  select a.asset_id as id, encode(a.content_id, 'hex') as "contentId", n.media_type as "mediaType", n.category,
         case when a.size > 0 then nullif(first.asset_id, a.asset_id) end as "duplicateOf"
  from ai.assets a
  join ai.analyses n on n.tenant_id = a.tenant_id and n.content_id = a.content_id and n.analyser = ? and n.status <> 'failed'
  cross join lateral (
    select f.asset_id from ai.assets f where f.tenant_id = a.tenant_id and f.content_id = a.content_id order by f.seen_at, f.asset_id limit 1
  ) as first
  where a.asset_id in (select value::uuid from jsonb_array_elements_text(?::jsonb))
  order by a.asset_id`;
