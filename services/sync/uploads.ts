import type { Static } from "typebox";
import Type from "typebox";
import { strict, uuid } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { bulk, row, type Em } from "../../mixins/database.ts";
import type { TenantKeys } from "../../mixins/vault/keys.ts";
import { storageKey } from "../../mixins/vault/store.ts";
import { assetById, type AssetView } from "./catalogue/asset.ts";
import { catalogueUploaded } from "./cataloguing.ts";
import { createJob, type Author } from "./creating.ts";
import { jobById } from "./job.ts";
import { recordPack } from "./record.ts";
import { pathProblem, type Spec } from "./sources/source.ts";
import { announce } from "./state.ts";
import { tally } from "./tally.ts";

/** Where single files that were uploaded stand in the catalogue: one place per tenant. */
export const uploadPlace: Spec = { kind: "upload", uri: "upload:///", host: "" };

const bytes = { minimum: 0 };
/** What the edge says of a content that it has put into the vault. */
export const uploadedParams = strict({
  path: Type.String({ minLength: 1, maxLength: 2000, description: "Where it stands in the catalogue." }),
  size: Type.Integer({ ...bytes, description: "Bytes." }),
  modifiedAt: Type.String({ format: "date-time", description: "When it was last changed." }),
  analyse: Type.Boolean({ description: "Whether the AI service looks at it." }),
  contentId: Type.String({ pattern: "^[0-9a-f]{64}$", description: "Keyed hash of the content." }),
  checksum: Type.String({ pattern: "^[0-9a-f]{64}$", description: "Masked SHA-256." }),
  parts: Type.Array(
    strict({
      id: uuid("The pack."),
      storageKey: Type.String({ description: "Where it lies." }),
      chunkSize: Type.Integer({ minimum: 1, description: "Bytes per chunk." }),
      plainSize: Type.Integer({ ...bytes, description: "Bytes before sealing." }),
      sealedSize: Type.Integer({ ...bytes, description: "Bytes in storage." }),
      tenantKeyId: uuid("The key that wraps its data key."),
      wrappedDataKey: Type.String({ description: "Base64." }),
      size: Type.Integer({ ...bytes, description: "Bytes of the content." }),
      stored: Type.Integer({ ...bytes, description: "Bytes in the pack." }),
      encoding: Type.Enum([0, 1], { description: "0 as they are, 1 zstd." }),
    }),
    { minItems: 1, maxItems: 2_000, description: "The packs that hold it, in order." },
  ),
});
export type Uploaded = Static<typeof uploadedParams>;

/** @throws VALIDATION_FAILED for a path that the catalogue can't keep */
export function checkUploadPath(path: string): void {
  const detail =
    pathProblem(path)?.message ??
    (/^\/|\/$|\/\/|(^|\/)\.\.?(\/|$)/.test(path) ? "must be a plain relative path such as folder/name" : undefined);
  if (detail) throw errors.invalid([{ pointer: "/path", detail }]);
}

/** Catalogues an uploaded file with a job of its own, in the caller's transaction. */
export async function catalogueUpload(em: Em, author: Author, keys: TenantKeys, uploaded: Uploaded): Promise<AssetView> {
  const { tenantId } = author;
  checkUploadPath(uploaded.path);
  // Objects are removed by the key that stands in the row: nobody may write another tenant's there.
  if (uploaded.parts.some((part) => part.storageKey !== storageKey(tenantId, part.id)))
    throw errors.forbidden("These objects are not this organisation's.");
  const options = { analyse: uploaded.analyse };
  const job = await createJob(em, author, keys, { kind: "upload", input: uploaded.path, source: uploadPlace, options, immediate: true });
  for (const part of uploaded.parts)
    await recordPack(em, tenantId, { ...part, wrappedDataKey: Buffer.from(part.wrappedDataKey, "base64") });
  const known = await row(em, `select 1 from sync.blobs where tenant_id = ? and content_id = decode(?, 'hex') and part = 0 for key share`, [
    tenantId,
    uploaded.contentId,
  ]);
  const packIds = JSON.stringify(uploaded.parts.map(({ id }) => id));
  if (known)
    await bulk(em, `update sync.packs set doomed_at = now() where id in (select value::uuid from json_array_elements_text($1::json))`, [
      packIds,
    ]);
  else {
    await bulk(
      em,
      `insert into sync.blobs (tenant_id, content_id, part, pack_id, position, size, stored_size, encoding)
       select $1::uuid, decode($2, 'hex'), ordinality - 1, (part->>'id')::uuid, 0, (part->>'size')::bigint, (part->>'stored')::bigint, (part->>'encoding')::int
       from jsonb_array_elements($3::jsonb) with ordinality as p(part, ordinality) on conflict do nothing`,
      [tenantId, uploaded.contentId, JSON.stringify(uploaded.parts)],
    );
  }
  const item = {
    path: uploaded.path,
    size: uploaded.size,
    modifiedAt: Date.parse(uploaded.modifiedAt),
    fingerprint: `${uploaded.size}.${uploaded.modifiedAt}`,
    contentId: uploaded.contentId,
    checksum: uploaded.checksum,
  };
  await em.execute(
    `update sync.sync_jobs set items_total = 1, bytes_total = ?, started_at = now(), planned_at = now() where id = ?`,
    [uploaded.size, job.id],
    "run",
  );
  const assetId = await catalogueUploaded(em, { id: job.id, tenantId, sourceId: job.sourceId!, analyse: uploaded.analyse }, item);
  const sealed = uploaded.parts.reduce((sum, part) => sum + part.sealedSize, 0);
  await tally(em, job.id, { ...(known ? { deduplicated: 1 } : { stored: 1 }), bytes: uploaded.size, packs: uploaded.parts.length, sealed });
  await announce(em, { id: job.id, tenantId }, "completed", { result: { assetId, ...(await jobById(em, job.id)).items } });
  return await assetById(em, assetId);
}
