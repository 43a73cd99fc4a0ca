import { bulk, type Em } from "../../../mixins/database.ts";
import type { Lease } from "../../../mixins/actor.ts";
import type { Workshop } from "../load.ts";
import { credentialsPurpose, sourcePurpose, type Places } from "../sealedplaces.ts";
import type { Spec } from "../sources/source.ts";
import type { Origin, OriginsAnswer } from "../work/mend.ts";
import { damageOf, type Damage } from "./contents.ts";

/** Packs in use that are known to be damaged, by id. `large`: wrong contents of several parts alone, which no look at one pack can tell. */
export async function damagedPacks(
  em: Em,
  tenantId: string,
  after: string | null,
  limit: number,
): Promise<{ id: string; large: boolean }[]> {
  return await bulk(
    em,
    `select p.id, p.damage like 'content:%' and not exists (
              select 1 from sync.blobs b where b.pack_id = p.id and b.part = 0
                and not exists (select 1 from sync.blobs o where o.tenant_id = b.tenant_id and o.content_id = b.content_id and o.part = 1)) as large
     from sync.packs p where p.tenant_id = $1::uuid and p.damaged_at is not null and p.doomed_at is null and ($2::uuid is null or p.id > $2::uuid)
     order by p.id limit $3`,
    [tenantId, after, limit],
  );
}

/** Large contents with a part in a damaged pack, from a content id (hexadecimal) on. */
export async function damagedContents(em: Em, tenantId: string, after: string, limit: number): Promise<string[]> {
  const found = await bulk<{ id: string }>(
    em,
    `select encode(content_id, 'hex') as id from (
       select distinct b.content_id from sync.packs p join sync.blobs b on b.pack_id = p.id
       where p.tenant_id = $1::uuid and p.damaged_at is not null and p.doomed_at is null and b.content_id > decode($2, 'hex')
         and (b.part > 0 or exists (select 1 from sync.blobs o where o.tenant_id = b.tenant_id and o.content_id = b.content_id and o.part = 1))
     ) contents order by content_id limit $3`,
    [tenantId, after, limit],
  );
  return found.map(({ id }) => id);
}

/** A part of a large content, with its pack when that is damaged. */
export interface ContentPart {
  size: number;
  wanted: string | null;
  damage: Damage | null;
}

/** Parts of a content in order. */
export async function partsOf(em: Em, tenantId: string, contentId: string): Promise<ContentPart[]> {
  const found = await bulk<{ size: number; wanted: string | null; damage: string | null }>(
    em,
    `select b.size::float8 as size, case when p.damaged_at is not null then p.id end as wanted, p.damage
     from sync.blobs b join sync.packs p on p.id = b.pack_id where b.tenant_id = $1::uuid and b.content_id = decode($2, 'hex') order by b.part`,
    [tenantId, contentId],
  );
  return found.map(({ size, wanted, damage }) => ({ size, wanted, damage: damage === null ? null : damageOf(damage) }));
}

/** Nothing was wrong with it after all, or nothing is any more. */
export async function clearDamage(em: Em, packId: string, proven: boolean): Promise<void> {
  await bulk(
    em,
    `update sync.packs set damaged_at = null, damage = null, verified_at = case when $2 then now() else verified_at end where id = $1::uuid`,
    [packId, proven],
  );
}

/** How many assets need one of these contents. */
export async function assetsWith(em: Em, tenantId: string, contentIds: string[]): Promise<number> {
  const [found] = await bulk<{ count: number }>(
    em,
    `select count(*)::int as count from sync.assets where tenant_id = $1::uuid and content_id = any($2::bytea[]) and removed_at is null`,
    [tenantId, contentIds.map((id) => `\\x${id}`)],
  );
  return found!.count;
}

/** Entries of sources that are tried per content. */
const origins = 5;

interface OriginRow {
  /** Hexadecimal. */
  content: string;
  path: string;
  source_id: string;
  sealed_spec: Buffer | null;
  job_id: string | null;
  sealed_credentials: Buffer | null;
}

/** Where contents may be read again: assets that their sources still have, by the credentials that are kept, or those of the last sync. */
export async function originsOf({ database, keyring }: Workshop, { tenantId }: Lease, contentIds: string[]): Promise<OriginsAnswer> {
  const found = await database.tenant(tenantId, (em) =>
    bulk<OriginRow>(
      em,
      `select encode(c.content_id, 'hex') as content, a.path, a.source_id, s.sealed_spec, j.id as job_id, j.sealed_credentials
       from unnest($2::bytea[]) as c(content_id)
       cross join lateral (select * from sync.assets where tenant_id = $1::uuid and content_id = c.content_id and gone_at is null and removed_at is null
                           order by updated_at desc limit ${origins}) a
       join sync.sources s on s.id = a.source_id
       left join lateral (select id, sealed_credentials from sync.sync_jobs j
                          where j.source_id = s.id and j.kind = 'sync' and j.sealed_credentials is not null order by j.created_at desc limit 1) j on true`,
      [tenantId, contentIds.map((id) => `\\x${id}`)],
    ),
  );
  const places = new Map<string, Spec | undefined>();
  const placeOf = async ({ source_id, sealed_spec, job_id, sealed_credentials }: OriginRow): Promise<Spec | undefined> => {
    const open = async (purpose: string, sealed: Buffer) =>
      JSON.parse((await keyring.openSecret(tenantId, purpose, sealed)).toString()) as unknown;
    if (sealed_spec) return (await open(sourcePurpose(source_id), sealed_spec)) as Spec;
    return job_id && sealed_credentials ? ((await open(credentialsPurpose(job_id), sealed_credentials)) as Places).source : undefined;
  };
  const answer = new Map(contentIds.map((contentId) => [contentId, [] as Origin[]]));
  for (const asset of found) {
    if (!places.has(asset.source_id)) places.set(asset.source_id, await placeOf(asset));
    const source = places.get(asset.source_id);
    if (source) answer.get(asset.content)?.push({ source, path: asset.path });
  }
  return [...answer].map(([contentId, origins]) => ({ contentId, origins }));
}
