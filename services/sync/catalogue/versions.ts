import type { Page } from "../../../config/action.ts";
import type { AssetChange } from "../../../config/states.ts";
import { rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import { unmaskChecksum, type TenantKeys } from "../../../mixins/vault/keys.ts";
import { assetById } from "./asset.ts";

/** A state that an asset has had, from `createdAt` until the next version's. */
export interface VersionView {
  version: number;
  /** What made it another state than the one before. */
  change: AssetChange;
  path: string;
  size: number;
  /** SHA-256 of the content, hexadecimal. */
  sha256: string;
  modifiedAt: string | null;
  jobId: string;
  createdAt: string;
}

/** A page of an asset's versions, newest first. @throws ASSET_NOT_FOUND, CURSOR_INVALID */
export async function versionsOf(
  em: Em,
  secret: string,
  keys: TenantKeys,
  { id, limit, cursor: given }: { id: string; limit: number; cursor?: string | undefined },
): Promise<Page<VersionView>> {
  const scope = ["sync.versions", keys.tenantId, id];
  const cursor = decodeCursor(secret, scope, given);
  await assetById(em, id);
  const found = await rows<Omit<VersionView, "sha256"> & { content_id: Buffer; masked_checksum: Buffer }>(
    em,
    `select version, change, path, size::float8 as size, content_id, masked_checksum, ${isoTime("modified_at")} as "modifiedAt",
            job_id as "jobId", ${isoTime("created_at")} as "createdAt"
     from sync.asset_versions where asset_id = ? ${cursor ? "and version < ?" : ""} order by version desc limit ${limit + 1}`,
    [id, ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    limit,
    cursor !== undefined,
    ({ content_id, masked_checksum, ...version }) => ({
      ...version,
      sha256: unmaskChecksum(keys, content_id.toString("hex"), masked_checksum),
    }),
    ({ version }) => encodeCursor(secret, scope, { after: [version] }),
  );
}
