import { errors } from "../../config/errors.ts";
import { row, type Database, type Em } from "../../mixins/database.ts";
import { writablePlaces } from "./places.ts";
import { parseInput, type Access } from "./sources/input.ts";
import { kindOf } from "./sources/kinds.ts";
import type { Spec } from "./sources/source.ts";
import { storedPlace } from "./stored.ts";
import type { TenantKeyring } from "./tenantkey.ts";

/** Where assets are to be brought: a place, or a stored one. */
export interface Output {
  output?: string | undefined;
  targetId?: string | undefined;
  access: Access;
}

/** @throws VALIDATION_FAILED, SOURCE_NOT_FOUND, SOURCE_NOT_ALLOWED, SOURCE_SCHEME_UNKNOWN */
export async function outputOf(
  database: Database,
  keyring: TenantKeyring,
  tenantId: string,
  { output, targetId, access }: Output,
): Promise<Spec> {
  if ((output === undefined) === (targetId === undefined))
    throw errors.invalid([{ pointer: "/output", detail: "must be given, or targetId must: one of the two" }]);
  if (output !== undefined) return await parseInput(output, access, writablePlaces, "write", "/output");
  const spec = await storedPlace(database, keyring, tenantId, targetId!);
  // What may be read need not be what may be written to.
  if (spec.kind === "file") return await parseInput(spec.uri, {}, writablePlaces, "write", "/targetId");
  if (!kindOf(spec).openDestination)
    throw errors.invalid([{ pointer: "/targetId", detail: `must be a place that can be written to; ${spec.uri} can't` }]);
  return spec;
}

/** The source whose assets are wanted, by its id or by its URI as assets show it. @throws VALIDATION_FAILED, SOURCE_NOT_FOUND */
export async function originOf(
  em: Em,
  tenantId: string,
  wanted: { sourceId?: string | undefined; source?: string | undefined },
): Promise<{ id: string; uri: string }> {
  if ((wanted.sourceId === undefined) === (wanted.source === undefined))
    throw errors.invalid([{ pointer: "/source", detail: "must be given, or sourceId must: one of the two" }]);
  const found = await row<{ id: string; uri: string }>(
    em,
    `select id, uri from sync.sources where tenant_id = ? and ${wanted.sourceId === undefined ? "uri" : "id"} = ?`,
    [tenantId, wanted.sourceId ?? wanted.source],
  );
  if (!found) throw errors.sourceNotFound("Nothing was ever synced from such a source.", { ...wanted });
  return found;
}

/** The source of an asset. @throws ASSET_NOT_FOUND */
export async function originOfAsset(em: Em, assetId: string): Promise<{ id: string; uri: string }> {
  const found = await row<{ id: string; uri: string }>(
    em,
    `select s.id, s.uri from sync.assets a join sync.sources s on s.id = a.source_id where a.id = ?`,
    [assetId],
  );
  if (!found) throw errors.assetNotFound("There is no such asset.", { id: assetId });
  return found;
}
