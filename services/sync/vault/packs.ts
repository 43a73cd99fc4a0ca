import { bulk, row, type Em } from "../../../mixins/database.ts";
import type { BlobPlace, LostBlob, PackContents } from "./contents.ts";

interface PackRow {
  id: string;
  chunk_size: number;
  plain_size: number;
  sealed_size: number;
  tenant_key_id: string;
  wrapped_key: Buffer;
}

interface BlobRow extends BlobPlace {
  packId: string;
}

const packColumns = `p.id, p.chunk_size, p.plain_size::float8 as plain_size, p.sealed_size::float8 as sealed_size, p.tenant_key_id, p.wrapped_key`;
const blobColumns = `b.pack_id as "packId", encode(b.content_id, 'hex') as "contentId", b.part, b.position::float8 as position,
  b.stored_size::float8 as stored, b.encoding, b.size::float8 as size,
  b.part > 0 or exists (select 1 from sync.blobs o where o.tenant_id = b.tenant_id and o.content_id = b.content_id and o.part = 1) as several`;

/** Packs by id with all their blobs, in the order of their ids; those that are gone or doomed are left out. */
export async function packsById(em: Em, ids: string[]): Promise<PackContents[]> {
  const packs = await bulk<PackRow>(
    em,
    `select ${packColumns} from sync.packs p where p.id = any($1::uuid[]) and p.doomed_at is null order by p.id`,
    [ids],
  );
  const blobs = await bulk<BlobRow>(
    em,
    `select ${blobColumns} from sync.blobs b where b.pack_id = any($1::uuid[]) order by b.pack_id, b.position`,
    [ids],
  );
  return together(packs, blobs);
}

/** Packs of a content's parts from one part on, in the parts' order, each with that part alone. Answers none behind the last. */
export async function packsOfContent(em: Em, tenantId: string, contentId: string, from: number, limit: number): Promise<PackContents[]> {
  const given = [tenantId, contentId, from, limit];
  const parts = `sync.blobs b where b.tenant_id = $1::uuid and b.content_id = decode($2, 'hex') and b.part >= $3 order by b.part limit $4`;
  const blobs = await bulk<BlobRow>(em, `select ${blobColumns} from ${parts}`, given);
  const packs = await bulk<PackRow>(
    em,
    `select ${packColumns} from sync.packs p where p.id in (select pack_id from (select b.pack_id from ${parts}) x)`,
    given,
  );
  const byId = new Map(packs.map((pack) => [pack.id, pack]));
  return blobs.flatMap((blob) =>
    together(
      [byId.get(blob.packId)].filter((pack) => pack !== undefined),
      [blob],
    ),
  );
}

function together(packs: PackRow[], blobs: BlobRow[]): PackContents[] {
  const found = new Map<string, PackContents>();
  for (const { id, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key } of packs) {
    // A copy: a view of a pool would drag all of it across to a thread.
    const wrappedDataKey = Uint8Array.from(wrapped_key);
    const place = { id, chunkSize: chunk_size, plainSize: plain_size, sealedSize: sealed_size, tenantKeyId: tenant_key_id, wrappedDataKey };
    found.set(id, { ...place, blobs: [] });
  }
  for (const { packId, ...blob } of blobs) found.get(packId)?.blobs.push(blob);
  return [...found.values()];
}

/** A blob that lies in another pack now. */
export interface MovedBlob extends LostBlob {
  /** Pack it was in. */
  from: string;
  /** Place in the new pack. */
  position: number;
  /** Of what is there, when it was encoded anew. */
  stored?: number;
  encoding?: number;
}

/**
 * Gives blobs another pack, in the caller's transaction, which has recorded it. One that was collected or moved meanwhile is left alone.
 * Nobody that reads waits for it: the old pack's object stays for the time of grace.
 * @returns how many were moved
 */
export async function switchBlobs(em: Em, tenantId: string, packId: string, moved: MovedBlob[]): Promise<number> {
  const switched = await bulk(
    em,
    `update sync.blobs b set pack_id = $2::uuid, position = m.position, stored_size = coalesce(m.stored, b.stored_size), encoding = coalesce(m.encoding, b.encoding)
     from json_to_recordset($3::json) as m("contentId" text, part int, "from" uuid, position bigint, stored bigint, encoding int)
     where b.tenant_id = $1::uuid and b.content_id = decode(m."contentId", 'hex') and b.part = m.part and b.pack_id = m."from"
       and b.pack_id = any($4::uuid[]) returning 1`,
    [tenantId, packId, JSON.stringify(moved), [...new Set(moved.map(({ from }) => from))]],
  );
  return switched.length;
}

/** What no blob and no part of an unfinished file lies in. */
export const unreferred = `not exists (select 1 from sync.blobs b where b.pack_id = p.id) and not exists (select 1 from sync.parts t where t.pack_id = p.id)`;

/** Dooms those of these packs that nothing refers to any more. @returns how many */
export async function doomEmptied(em: Em, ids: string[]): Promise<number> {
  const doomed = await bulk(
    em,
    `update sync.packs p set doomed_at = now()
     where p.id = any($1::uuid[]) and p.doomed_at is null and ${unreferred} returning 1`,
    [ids],
  );
  return doomed.length;
}

/** Whether the vault was shredded: it had keys, and all of them are destroyed. */
export async function isShredded(em: Em, tenantId: string): Promise<boolean> {
  const found = await row<{ shredded: boolean | null }>(
    em,
    `select bool_and(state = 'destroyed') as shredded from sync.tenant_keys where tenant_id = ?`,
    [tenantId],
  );
  return found?.shredded === true;
}
