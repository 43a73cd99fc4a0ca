import type { Page } from "../../../config/action.ts";
import { errors } from "../../../config/errors.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor } from "../../../mixins/page.ts";
import { statesAfter } from "./moment.ts";

/** An asset as it was. */
export interface AssetAt {
  assetId: string;
  version: number;
  path: string;
  size: number;
  modifiedAt: string | null;
}

/** A page of what a source held at a moment. @throws SOURCE_NOT_FOUND, CURSOR_INVALID */
export async function sourceAt(
  em: Em,
  secret: string,
  tenantId: string,
  { id, moment, prefix, limit, cursor: given }: { id: string; moment: string; prefix?: string; limit: number; cursor?: string },
): Promise<Page<AssetAt>> {
  if (!(await row(em, `select 1 from sync.sources where tenant_id = ? and id = ?`, [tenantId, id])))
    throw errors.sourceNotFound("There is no such source.", { id });
  const scope = ["sync.at", tenantId, id, moment, prefix ?? ""];
  const cursor = decodeCursor(secret, scope, given);
  const { states, next } = await statesAfter(em, { tenantId, sourceId: id }, { at: moment, prefix }, String(cursor?.after[0] ?? ""), limit);
  return {
    data: states.map(({ id: assetId, version, path, size, modified }) => {
      return { assetId, version, path, size, modifiedAt: modified === null ? null : new Date(modified).toISOString() };
    }),
    pagination: {
      cursor: next === null ? null : encodeCursor(secret, scope, { after: [next] }),
      hasNext: next !== null,
      hasPrev: cursor !== undefined,
    },
  };
}
