import type { Page } from "../../config/action.ts";
import type { AnalysisStatus } from "../../entities/AiAnalysis.ts";
import { errors } from "../../config/errors.ts";
import { row, rows, type Em } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../mixins/page.ts";
import type { Metadata } from "./analyse.ts";

export interface AnalysisView {
  assetId: string;
  analyser: string;
  status: AnalysisStatus;
  mediaType: string;
  category: string;
  confidence: number;
  metadata: Metadata;
  problem: string | null;
  thumbnail: { width: number; height: number } | null;
  /** The first asset with the same bytes; null when this is the only or the first one. */
  duplicateOf: string | null;
  durationMs: number;
  analysedAt: string;
}

/** The newest analysis of an asset's content. @throws ANALYSIS_NOT_FOUND before it has been analysed. */
export async function analysisOf(em: Em, assetId: string): Promise<AnalysisView> {
  const found = await row<AnalysisView>(
    em,
    `select a.asset_id as "assetId", n.analyser, n.status, n.media_type as "mediaType", n.category, n.confidence, n.metadata, n.problem,
            case when t.width is not null then jsonb_build_object('width', t.width, 'height', t.height) end as thumbnail,
            case when a.size > 0 then (
              select nullif(f.asset_id, a.asset_id) from ai.assets f
              where f.tenant_id = a.tenant_id and f.content_id = a.content_id order by f.seen_at, f.asset_id limit 1
            ) end as "duplicateOf",
            n.duration_ms as "durationMs", ${isoTime("n.created_at")} as "analysedAt"
     from ai.assets a
     join ai.analyses n on n.tenant_id = a.tenant_id and n.content_id = a.content_id
     left join ai.thumbnails t on t.tenant_id = a.tenant_id and t.content_id = a.content_id
     where a.asset_id = ? order by n.created_at desc limit 1`,
    [assetId],
  );
  if (!found) throw errors.analysisNotFound("This asset has not been analysed, or does not exist.", { assetId });
  return found;
}

/** A sealed thumbnail and the content it belongs to. @throws THUMBNAIL_NOT_FOUND */
export async function thumbnailOf(em: Em, assetId: string): Promise<{ contentId: string; sealed: Buffer }> {
  const found = await row<{ contentId: string; sealed: Buffer }>(
    em,
    `select encode(t.content_id, 'hex') as "contentId", t.sealed from ai.assets a
     join ai.thumbnails t on t.tenant_id = a.tenant_id and t.content_id = a.content_id where a.asset_id = ?`,
    [assetId],
  );
  if (!found) throw errors.thumbnailNotFound("There is no thumbnail of this asset: it is not a picture, or not analysed.", { assetId });
  return found;
}

export interface DuplicateGroup {
  contentId: string;
  /** Of one copy. */
  size: number;
  count: number;
  /** First seen first, at most a hundred. */
  assets: { id: string; name: string }[];
}

const SHOWN = 100;

/** Assets with equal bytes, group by group in order of content id; empty files are left out. */
export async function duplicates(
  em: Em,
  page: { tenantId: string; secret: string; limit: number; cursor: string | undefined },
): Promise<Page<DuplicateGroup>> {
  const scope = ["ai.duplicates", page.tenantId];
  const after = decodeCursor(page.secret, scope, page.cursor)?.after[0] ?? "";
  const groups = await rows<DuplicateGroup>(
    em,
    `select encode(g.content_id, 'hex') as "contentId", g.size, g.count,
            (select jsonb_agg(jsonb_build_object('id', f.asset_id, 'name', f.name) order by f.seen_at, f.asset_id)
             from (select * from ai.assets a where a.tenant_id = g.tenant_id and a.content_id = g.content_id
                   order by a.seen_at, a.asset_id limit ${SHOWN}) as f) as assets
     from (
       select tenant_id, content_id, min(size)::float8 as size, count(*)::int as count from ai.assets
       where tenant_id = ? and content_id > decode(?, 'hex') and size > 0
       group by tenant_id, content_id having count(*) > 1 order by content_id limit ?
     ) as g order by g.content_id`,
    [page.tenantId, after, page.limit + 1],
  );
  const cursorOf = (group: DuplicateGroup) => encodeCursor(page.secret, scope, { after: [group.contentId] });
  return pageOf(groups, page.limit, page.cursor !== undefined, (group) => group, cursorOf);
}
