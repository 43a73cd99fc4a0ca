import { bulk, type Em } from "../../../mixins/database.ts";
import type { Job } from "../load.ts";
import { recordFailures } from "../record.ts";
import { damageText, damageTypes, type PackVerdict } from "./contents.ts";

/** What verification has found so far; stands in the job's checkpoint, and then in its result. */
export interface Found {
  packs: number;
  /** Read from storage. */
  bytes: number;
  damaged: number;
  /** Assets that need something that is damaged, as counted per pack: one with damage in two packs counts twice. */
  assets: number;
}

export const nothingFound = (): Found => ({ packs: 0, bytes: 0, damaged: 0, assets: 0 });

/** Records what reading packs back has shown, and adds it to what was found before. */
export async function recordVerdicts(em: Em, job: Job, verdicts: PackVerdict[], found: Found): Promise<Found> {
  await bulk(
    em,
    `update sync.packs p set
       verified_at = case when v.damage is null then now() else p.verified_at end,
       damaged_at = case when v.damage is not null then coalesce(p.damaged_at, now()) end,
       damage = v.damage
     from json_to_recordset($1::json) as v(id uuid, damage text) where p.id = v.id and p.doomed_at is null`,
    [JSON.stringify(verdicts.map(({ packId, damage }) => ({ id: packId, damage: damage && damageText(damage) })))],
  );
  const damaged = verdicts.filter(({ damage }) => damage);
  const assets = damaged.length ? await reportDamage(em, job, damaged) : 0;
  return {
    packs: found.packs + verdicts.length,
    bytes: found.bytes + verdicts.reduce((sum, { read }) => sum + read, 0),
    damaged: found.damaged + damaged.length,
    assets: found.assets + assets,
  };
}

/** Assets that are named per pack; the others are counted. */
const namedPerPack = 1_000;

/** A source's URI and a path together may be longer than an index can hold; then the end of it has to do. */
const short = (place: string): string => (Buffer.byteLength(place) > 2_400 ? `…${place.slice(-600)}` : place);

interface Concerned {
  packId: string;
  assetId: string;
  /** Null for the current version. */
  version: number | null;
  place: string;
  count: number;
}

/** Names the assets that need something of these packs as failures of the job. @returns how many there are */
export async function reportDamage(em: Em, job: Job, damaged: PackVerdict[], more = ""): Promise<number> {
  const lost = damaged.flatMap(({ packId, lost }) => lost.map(({ contentId, part }) => ({ packId, contentId, part })));
  const concerned = await bulk<Concerned>(
    em,
    // A blob that was mended or moved meanwhile is not lost any more. An asset's earlier versions stand in asset_versions alone.
    `with lost as materialized (
       select distinct l."packId" as pack_id, b.content_id from json_to_recordset($2::json) as l("packId" uuid, "contentId" text, part int)
       join sync.blobs b on b.tenant_id = $1::uuid and b.content_id = decode(l."contentId", 'hex') and b.part = l.part and b.pack_id = l."packId"
     ), concerned as (
       select l.pack_id, a.id, null::int as version, a.source_id, a.path from lost l
       join sync.assets a on a.tenant_id = $1::uuid and a.content_id = l.content_id and a.removed_at is null
       union all
       select l.pack_id, a.id, v.version, a.source_id, v.path from sync.assets a
       join sync.asset_versions v on v.asset_id = a.id and v.content_id <> a.content_id
       join lost l on l.content_id = v.content_id
       where a.tenant_id = $1::uuid and a.version > 1 and a.removed_at is null
     )
     select * from (
       select c.pack_id as "packId", c.id as "assetId", c.version, rtrim(s.uri, '/') || '/' || c.path as place,
              count(*) over (partition by c.pack_id)::int as count, row_number() over (partition by c.pack_id order by c.version nulls first, c.id) as nth
       from concerned c join sync.sources s on s.id = c.source_id
     ) counted where nth <= ${namedPerPack}`,
    [job.tenantId, JSON.stringify(lost)],
  );
  const verdictOf = new Map(damaged.map((verdict) => [verdict.packId, verdict]));
  const failures = new Map<string, Parameters<typeof recordFailures>[2][number]>();
  for (const { packId, assetId, version, place } of concerned) {
    const { kind, message } = verdictOf.get(packId)!.damage!;
    const path = `${short(place)}${version === null ? "" : ` (version ${version})`}`;
    failures.set(path, { path, type: damageTypes[kind], message: `Pack ${packId}, asset ${assetId}: ${message}${more}`, attempts: 1 });
  }
  await recordFailures(em, job, [...failures.values()]);
  const counts = new Map(concerned.map(({ packId, count }) => [packId, count]));
  return [...counts.values()].reduce((sum, count) => sum + count, 0);
}
