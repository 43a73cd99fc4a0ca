import { rows, type Em } from "../../../mixins/database.ts";

interface Sum {
  assets: number;
  bytes: number;
}

/** What a tenant's sources have, added up; gone assets are counted apart. Of many groups those with the most bytes. */
export interface Statistics extends Sum {
  /** When it was added up, ISO 8601. */
  at: string;
  gone: Sum;
  bySource: (Sum & { sourceId: string; source: string })[];
  byCategory: (Sum & { category: string | null })[];
  byMediaType: (Sum & { mediaType: string | null })[];
}

const mostGroups = 100;

interface Group extends Sum {
  sourceId: string;
  source: string;
  category: string | null;
  mediaType: string | null;
  gone: boolean;
}

/** Reads every asset of the tenant once: seconds for millions of them. */
export async function statistics(em: Em, tenantId: string): Promise<Statistics> {
  const groups = await rows<Group>(
    em,
    `select g.*, s.uri as source from (
       select source_id as "sourceId", category, media_type as "mediaType", gone_at is not null as gone,
              count(*)::float8 as assets, sum(size)::float8 as bytes
       from sync.assets where tenant_id = ? and removed_at is null group by 1, 2, 3, 4
     ) g join sync.sources s on s.id = g."sourceId"`,
    [tenantId],
  );
  const present = groups.filter(({ gone }) => !gone);
  return {
    at: new Date().toISOString(),
    ...total(present),
    gone: total(groups.filter(({ gone }) => gone)),
    bySource: summed(present, ({ sourceId, source }) => ({ sourceId, source })),
    byCategory: summed(present, ({ category }) => ({ category })),
    byMediaType: summed(present, ({ mediaType }) => ({ mediaType })),
  };
}

const total = (groups: Sum[]): Sum => ({
  assets: groups.reduce((sum, { assets }) => sum + assets, 0),
  bytes: groups.reduce((sum, { bytes }) => sum + bytes, 0),
});

function summed<By extends object>(groups: Group[], by: (group: Group) => By): (By & Sum)[] {
  const sums = Map.groupBy(groups, (group) => JSON.stringify(by(group)));
  return [...sums.values()]
    .map((same) => ({ ...by(same[0]!), ...total(same) }))
    .sort((a, b) => b.bytes - a.bytes || b.assets - a.assets)
    .slice(0, mostGroups);
}
