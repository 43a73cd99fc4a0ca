import { condition, type Condition } from "./condition.ts";
import type { Parts } from "./filter.ts";

/** What a list can be sorted by: the column, and its type for the text that stands in a cursor. */
export const sorts = {
  created: { column: "created_at", type: "timestamptz" },
  updated: { column: "updated_at", type: "timestamptz" },
  path: { column: "path", type: "text" },
  name: { column: "name", type: "text" },
  size: { column: "size", type: "bigint" },
} as const;
export type Sort = keyof typeof sorts;

export interface Order {
  sort: Sort;
  order: "asc" | "desc";
}

/** A row's place in a list: the text of what it is sorted by, and its id. */
export type Place = [key: string, id: string];

/** An index that has the rows of a list in its order. */
export interface Road {
  /** The parts of the filter that the index itself serves: other rows are not looked at. */
  serves: (keyof Parts)[];
  /** SQL of rows `a`, and the uri of their source among `places`: for each source alone in order, `count` of them. */
  rows(where: Condition, columns: string, count: Condition): Condition;
}

export const orderOf = ({ sort, order }: Order) => `a.${sorts[sort].column} ${order}, a.id ${order}`;

/** Rows after one place of the list, up to another. */
export function between({ sort, order }: Order, from: Place | undefined, end?: Place): Condition[] {
  const { column, type } = sorts[sort];
  const [beyond, upTo] = order === "asc" ? [">", "<="] : ["<", ">="];
  return [
    ...(from ? [condition(`(a.${column}, a.id) ${beyond} (?::${type}, ?::uuid)`, ...from)] : []),
    ...(end ? [condition(`(a.${column}, a.id) ${upTo} (?::${type}, ?::uuid)`, ...end)] : []),
  ];
}

/**
 * The index of a category or of a media type where the list is in its order; else that of each source, which also serves a range of what
 * the list is sorted by.
 */
export function roadOf(tenantId: string, list: Order, parts: Parts): Road {
  const { sort } = list;
  for (const part of ["category", "mediaType"] as const)
    if (sort === "created" && parts[part].length) return { serves: [part], rows: direct(tenantId, list) };
  return { serves: sort === "path" ? ["prefix"] : sort === "size" ? ["size"] : [], rows: bySource(tenantId, list) };
}

const direct =
  (tenantId: string, list: Order): Road["rows"] =>
  (where, columns, count) =>
    condition(
      `select s.uri, ${columns} from sync.assets a join places s on s.id = a.source_id
       where a.tenant_id = ? and ${where.sql} order by ${orderOf(list)} ${count.sql}`,
      tenantId,
      ...where.values,
      ...count.values,
    );

const bySource =
  (tenantId: string, list: Order): Road["rows"] =>
  (where, columns, count) =>
    condition(
      `select s.uri, a.* from places s cross join lateral (
         select ${columns} from sync.assets a where a.tenant_id = ? and a.source_id = s.id and ${where.sql} order by ${orderOf(list)} ${count.sql}
       ) a`,
      tenantId,
      ...where.values,
      ...count.values,
    );
