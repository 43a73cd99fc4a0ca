import { row, type Em } from "../../../mixins/database.ts";
import { isoTime } from "../../../mixins/page.ts";

/** What a tenant's vault holds. All sizes are bytes. */
export interface VaultStats {
  /** Different contents, those of earlier versions too, and their bytes. */
  contents: number;
  uniqueBytes: number;
  /** What they take inside the packs, and how much compression has saved. */
  storedBytes: number;
  compressedBytes: number;
  /** Assets that their sources have, and the bytes one would have to store without deduplication. */
  assets: number;
  logicalBytes: number;
  /** How much of that is the same as something else of it. */
  deduplicatedBytes: number;
  /** Sealed objects in use, and their bytes in storage. */
  packs: number;
  sealedBytes: number;
  /** Objects that nothing refers to any more and that will be removed. */
  doomed: { packs: number; sealedBytes: number };
  damaged: { packs: number; sealedBytes: number };
  /** When packs in use were last read back whole and found sound: the one longest ago, the latest, and how many never were. */
  verified: { oldest: string | null; newest: string | null; never: number };
}

/** Adds up what the vault holds. Reads every row of it: seconds for millions of assets. */
export async function vaultStats(em: Em, tenantId: string): Promise<VaultStats> {
  const blobs = await row<Pick<VaultStats, "contents" | "uniqueBytes" | "storedBytes">>(
    em,
    `select count(*) filter (where part = 0)::float8 as contents, coalesce(sum(size), 0)::float8 as "uniqueBytes",
            coalesce(sum(stored_size), 0)::float8 as "storedBytes" from sync.blobs where tenant_id = ?`,
    [tenantId],
  );
  const assets = await row<Pick<VaultStats, "assets" | "logicalBytes" | "deduplicatedBytes">>(
    em,
    `select coalesce(sum(assets), 0)::float8 as assets, coalesce(sum(size * assets), 0)::float8 as "logicalBytes",
            coalesce(sum(size * (assets - 1)), 0)::float8 as "deduplicatedBytes"
     from (select max(size) as size, count(*) as assets from sync.assets
           where tenant_id = ? and gone_at is null and removed_at is null group by content_id) contents`,
    [tenantId],
  );
  const packs = await row<Pick<VaultStats, "packs" | "sealedBytes" | "doomed" | "damaged" | "verified">>(
    em,
    `select count(*) filter (where used)::float8 as packs, coalesce(sum(sealed_size) filter (where used), 0)::float8 as "sealedBytes",
            json_build_object('packs', count(*) filter (where not used), 'sealedBytes', coalesce(sum(sealed_size) filter (where not used), 0)) as doomed,
            json_build_object('packs', count(*) filter (where used and damaged_at is not null),
                              'sealedBytes', coalesce(sum(sealed_size) filter (where used and damaged_at is not null), 0)) as damaged,
            json_build_object('oldest', ${isoTime("min(verified_at) filter (where used)")}, 'newest', ${isoTime("max(verified_at) filter (where used)")},
                              'never', count(*) filter (where used and verified_at is null)) as verified
     from (select *, doomed_at is null as used from sync.packs where tenant_id = ?) p`,
    [tenantId],
  );
  return { ...blobs!, compressedBytes: blobs!.uniqueBytes - blobs!.storedBytes, ...assets!, ...packs! };
}
