import { condition, type Condition } from "./condition.ts";
import type { AssetFilter, Parts } from "./filter.ts";

/** What one part of a filter leaves of all assets, when that is little. */
export interface Narrowing {
  /** Named queries, the last of them `candidates`: the rows, at most one more than `most`; none of them where there are more anyway. May use `places`. */
  queries: Condition;
  /** The query whose rows are counted. */
  counted: "ids" | "candidates";
}

/** One for each part of the filter that has an index of its own. */
export function narrowings(tenantId: string, filter: AssetFilter, parts: Parts, most: number): Narrowing[] {
  const limit = `limit ${most + 1}`;
  const found: Narrowing[] = [];
  const add = (rows: string, ...values: unknown[]) =>
    void found.push({ queries: condition(`candidates as materialized (${rows} ${limit})`, ...values), counted: "candidates" });
  const ofTenant = (part: Condition[]) => {
    const { sql, values } = condition.all(part);
    if (part.length) add(`select * from sync.assets a where a.tenant_id = ? and ${sql}`, tenantId, ...values);
  };
  const ofSources = (part: Condition[]) => {
    const { sql, values } = condition.all(part);
    const each = `select * from sync.assets a where a.tenant_id = ? and a.source_id = s.id and ${sql} ${limit}`;
    if (part.length) add(`select a.* from places s cross join lateral (${each}) a`, tenantId, ...values);
  };
  if (filter.search !== undefined)
    found.push({
      // One asset at a time by its key, whatever the planner makes of their number.
      queries: condition(
        `ids as materialized (select id from sync.assets_matching(?, ${most + 1}) as id),
         candidates as materialized (select a.* from ids cross join lateral (select * from sync.assets a where a.id = ids.id limit 1) a
                               where (select count(*) from ids) <= ${most})`,
        filter.search,
      ),
      counted: "ids",
    });
  ofSources(parts.prefix);
  ofTenant(parts.category);
  ofTenant(parts.mediaType);
  if (filter.state === "gone") ofSources([condition("a.gone_at is not null")]);
  ofSources(parts.size);
  return found;
}
