import type { Page } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { row, rows, type Em } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../mixins/page.ts";
import { unmaskChecksum, type TenantKeys } from "../../mixins/vault/keys.ts";

export interface AssetView {
  id: string;
  source: string;
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

const assetColumns = `a.id, s.uri as source, a.path, a.name, a.version, a.size::float8 as size, a.media_type as "mediaType", a.category, a.duplicate_of as "duplicateOf",
  ${isoTime("a.modified_at")} as "modifiedAt", ${isoTime("a.created_at")} as "createdAt", ${isoTime("a.updated_at")} as "updatedAt", ${isoTime("a.gone_at")} as "goneAt"`;

export interface AssetFilter {
  category?: string | undefined;
  mediaType?: string | undefined;
  /** Paths that start with this. */
  prefix?: string | undefined;
  /** Normalised URI of a source. */
  source?: string | undefined;
  /** Only what the source has ("present"), only what it has not ("gone"), or both. */
  state: "present" | "gone" | "all";
  limit: number;
  cursor?: string | undefined;
}

/** A page of a tenant's assets, oldest first. */
export async function listAssets(em: Em, secret: string, tenantId: string, filter: AssetFilter): Promise<Page<AssetView>> {
  const { limit, cursor: given, ...conditions } = filter;
  const scope = ["sync.assets", tenantId, conditions];
  const cursor = decodeCursor(secret, scope, given);
  const where: [string, unknown][] = [["a.tenant_id = ?", tenantId]];
  if (filter.category) where.push(["a.category = ?", filter.category]);
  if (filter.mediaType) where.push(["a.media_type = ?", filter.mediaType]);
  if (filter.prefix) where.push(["starts_with(a.path, ?)", filter.prefix]);
  if (filter.source) where.push(["s.uri = ?", filter.source]);
  const found = await rows<AssetView & { sorted: string }>(
    em,
    `select ${assetColumns}, a.created_at::text as sorted from sync.assets a join sync.sources s on s.id = a.source_id
     where ${where.map(([sql]) => sql).join(" and ")}
       ${filter.state === "all" ? "" : `and a.gone_at is ${filter.state === "gone" ? "not " : ""}null`}
       ${cursor ? "and (a.created_at, a.id) > (?::timestamptz, ?::uuid)" : ""}
     order by a.created_at, a.id limit ${limit + 1}`,
    [...where.map(([, value]) => value), ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    limit,
    cursor !== undefined,
    ({ sorted: _sorted, ...asset }) => asset,
    (last) => encodeCursor(secret, scope, { after: [last.sorted, last.id] }),
  );
}

/** @throws ASSET_NOT_FOUND, also for another tenant's asset */
export async function assetById(em: Em, id: string): Promise<AssetView> {
  const found = await row<AssetView>(
    em,
    `select ${assetColumns} from sync.assets a join sync.sources s on s.id = a.source_id where a.id = ?`,
    [id],
  );
  if (!found) throw errors.assetNotFound("There is no such asset.", { id });
  return found;
}

export interface VersionView {
  version: number;
  size: number;
  /** SHA-256 of the content, hexadecimal. */
  sha256: string;
  modifiedAt: string | null;
  jobId: string;
  createdAt: string;
}

/** Every version of an asset, newest first, at most a thousand. @throws ASSET_NOT_FOUND */
export async function versionsOf(em: Em, keys: TenantKeys, id: string): Promise<VersionView[]> {
  await assetById(em, id);
  const found = await rows<Omit<VersionView, "sha256"> & { content_id: Buffer; masked_checksum: Buffer }>(
    em,
    `select version, size::float8 as size, content_id, masked_checksum, ${isoTime("modified_at")} as "modifiedAt", job_id as "jobId", ${isoTime("created_at")} as "createdAt"
     from sync.asset_versions where asset_id = ? order by version desc limit 1000`,
    [id],
  );
  return found.map(({ content_id, masked_checksum, ...version }) => ({
    ...version,
    sha256: unmaskChecksum(keys, content_id, masked_checksum).toString("hex"),
  }));
}

/** What the AI service found out, where the content is still the one it looked at. */
export async function recordAnalysis(
  em: Em,
  assets: { id: string; contentId: string; mediaType: string; category: string; duplicateOf: string | null }[],
): Promise<void> {
  await em.execute(
    `update sync.assets a set media_type = r."mediaType", category = r.category, duplicate_of = r."duplicateOf"
     from json_to_recordset(?::json) as r(id uuid, "contentId" text, "mediaType" text, category text, "duplicateOf" uuid)
     where a.id = r.id and a.content_id = decode(r."contentId", 'hex')`,
    [JSON.stringify(assets)],
    "run",
  );
}
