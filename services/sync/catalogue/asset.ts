import { errors } from "../../../config/errors.ts";
import type { Things } from "../../../config/rules.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";

/** An asset as its organisation sees it. Sizes are bytes, times ISO 8601. */
export interface AssetView {
  id: string;
  /** URI of its source. */
  source: string;
  sourceId: string;
  path: string;
  name: string;
  version: number;
  size: number;
  mediaType: string | null;
  category: string | null;
  duplicateOf: string | null;
  modifiedAt: string | null;
  createdAt: string;
  updatedAt: string;
  /** Since when the source does not have it any more; its versions stay readable. */
  goneAt: string | null;
}

/** SQL of an asset `a` with its source `s`. */
export const assetColumns = `a.id, s.uri as source, a.source_id as "sourceId", a.path, a.name, a.version, a.size::float8 as size,
  a.media_type as "mediaType", a.category, a.duplicate_of as "duplicateOf", ${isoTime("a.modified_at")} as "modifiedAt",
  ${isoTime("a.created_at")} as "createdAt", ${isoTime("a.updated_at")} as "updatedAt", ${isoTime("a.gone_at")} as "goneAt"`;

/** @throws ASSET_NOT_FOUND, also for another tenant's asset */
export async function assetById(em: Em, id: string): Promise<AssetView> {
  const found = await row<AssetView>(
    em,
    `select ${assetColumns} from sync.assets a join sync.sources s on s.id = a.source_id where a.id = ? and a.removed_at is null`,
    [id],
  );
  if (!found) throw errors.assetNotFound("There is no such asset.", { id });
  return found;
}

/** What rules of roles look at. */
export const attributesOfAsset = (em: Em, id: string): Promise<Things["asset"] | undefined> =>
  row(em, `select source_id as source from sync.assets where id = ?`, [id]);
