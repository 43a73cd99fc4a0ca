import { bulk, type Em } from "../../../mixins/database.ts";

/** Below this share of bytes that something refers to a pack is rewritten. */
const sparseShare = 0.5;

export interface SparsePack {
  id: string;
  /** Bytes that something refers to. */
  live: number;
}

/** Packs that are mostly empty, by id. */
export async function sparsePacks(em: Em, tenantId: string, after: string | null, limit: number): Promise<SparsePack[]> {
  return await bulk(
    em,
    `select p.id, live.bytes::float8 as live from sync.packs p
     join (select pack_id, sum(stored_size) as bytes from sync.blobs where tenant_id = $1::uuid group by pack_id) live on live.pack_id = p.id
     where p.tenant_id = $1::uuid and p.doomed_at is null and p.damaged_at is null and live.bytes < p.plain_size * ${sparseShare}
       and ($2::uuid is null or p.id > $2::uuid)
     order by p.id limit $3`,
    [tenantId, after, limit],
  );
}

/** Bytes of a new pack. */
const packBytes = 8 * 1024 * 1024;

/** Groups packs so that what is left of each group fills one. */
export function groups(packs: SparsePack[]): string[][] {
  const found: string[][] = [];
  let room = 0;
  for (const { id, live } of packs) {
    if (room < live || !found.length) {
      found.push([]);
      room = packBytes;
    }
    found.at(-1)!.push(id);
    room -= live;
  }
  return found;
}
