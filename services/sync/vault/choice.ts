import { bulk, row, rows, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";

/** Which packs are read back. */
export interface Choice {
  /** Percent of all, those that were proven longest ago; known damage is left to repair then. */
  share?: number;
  /** Only those that some version of this asset lies in. */
  assetId?: string;
}

/** Behind which pack the choice goes on; a time is PostgreSQL's text of it. */
export interface ChoicePlace {
  provenAt: string;
  id: string;
}

/** Oldest proof first, never proven before all. */
const proven = `coalesce(p.verified_at, '-infinity'::timestamptz)`;

const eligible = ({ share, assetId }: Choice) =>
  `p.tenant_id = $1::uuid and p.doomed_at is null ${share === undefined ? "" : "and p.damaged_at is null"}
   and ($2::uuid is null ${
     assetId === undefined
       ? ""
       : `or p.id in (select b.pack_id from sync.blobs b where b.tenant_id = $1::uuid
                      and b.content_id in (select content_id from sync.asset_versions v where v.tenant_id = $1::uuid and v.asset_id = $2::uuid))`
   })`;

/** How many packs, and bytes of them in storage, are read. */
export async function measureChoice(em: Em, tenantId: string, choice: Choice): Promise<{ packs: number; bytes: number }> {
  const [all] = await bulk<{ packs: number; bytes: number }>(
    em,
    `select count(*)::int as packs, coalesce(sum(p.sealed_size), 0)::float8 as bytes from sync.packs p where ${eligible(choice)}`,
    [tenantId, choice.assetId ?? null],
  );
  const { packs, bytes } = all!;
  const share = (choice.share ?? 100) / 100;
  return { packs: Math.ceil(packs * share), bytes: Math.ceil(bytes * share) };
}

/** The next packs to be read, as the verification that began at `begun` (PostgreSQL's text) found them. */
export async function chosenPacks(
  em: Em,
  tenantId: string,
  choice: Choice,
  begun: string,
  after: ChoicePlace | null,
  limit: number,
): Promise<(ChoicePlace & { sealed: number })[]> {
  return await bulk(
    em,
    `select p.id, ${proven}::text as "provenAt", p.sealed_size::float8 as sealed from sync.packs p
     where ${eligible(choice)} and ${proven} < $3::timestamptz and ($4::timestamptz is null or (${proven}, p.id) > ($4::timestamptz, $5::uuid))
     order by ${proven}, p.id limit $6`,
    [tenantId, choice.assetId ?? null, begun, after?.provenAt ?? null, after?.id ?? null, limit],
  );
}

/** The database's clock, exactly: what it writes as `now()` from here on is not before. */
export const databaseTime = async (em: Em): Promise<string> => (await row<{ now: string }>(em, `select now()::text as now`))!.now;

/** Since when all that an asset's current content lies in is proven. */
export interface AssetProof {
  /** ISO 8601; null when a part of it was never read back. */
  provenAt: string | null;
  /** Sealed objects that it lies in. */
  packs: number;
  /** Of these, how many are known to be damaged. */
  damaged: number;
}

/** @returns undefined when there is no such asset */
export async function proofOf(em: Em, assetId: string): Promise<AssetProof | undefined> {
  const [found] = await rows<AssetProof>(
    em,
    `select count(p.id)::int as packs, count(p.damaged_at)::int as damaged,
            case when count(*) = count(p.verified_at) then ${isoTime("min(p.verified_at)")} end as "provenAt"
     from sync.assets a left join sync.blobs b on b.tenant_id = a.tenant_id and b.content_id = a.content_id left join sync.packs p on p.id = b.pack_id
     where a.id = ? and a.removed_at is null group by a.id`,
    [assetId],
  );
  return found;
}
