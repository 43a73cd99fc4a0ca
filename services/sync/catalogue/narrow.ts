import { condition, type Condition } from "./condition.ts";
import type { AssetFilter, Parts } from "./filter.ts";

/**
 * SQL of the ids that one part of a filter leaves, whatever the order, at most `most` of them: one for each part that has an index of its own.
 * Each may use `places`.
 */
export function narrowings(tenantId: string, filter: AssetFilter, parts: Parts, most: number): Condition[] {
  const { category, mediaType, prefix, size } = parts;
  const found: Condition[] = [];
  const add = (sql: string, ...values: unknown[]) => void found.push(condition(sql, ...values));
  const ofTenant = (part: Condition[]) => {
    const { sql, values } = condition.all(part);
    if (part.length) add(`select id from sync.assets a where tenant_id = ? and ${sql} limit ${most}`, tenantId, ...values);
  };
  const ofSources = (part: Condition[]) => {
    const { sql, values } = condition.all(part);
    const each = `select id from sync.assets a where a.tenant_id = ? and a.source_id = s.id and ${sql} limit ${most}`;
    if (part.length) add(`select a.id from places s cross join lateral (${each}) a limit ${most}`, tenantId, ...values);
  };
  if (filter.search !== undefined) add(`select id from sync.assets_matching(?, ${most}) as id`, filter.search);
  ofSources(prefix);
  ofTenant(category);
  ofTenant(mediaType);
  if (filter.state === "gone") ofSources([condition("a.gone_at is not null")]);
  ofSources(size);
  return found;
}
