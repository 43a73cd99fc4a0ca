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
  /**
   * SQL of rows `a.*` in order with the uri of their source among `places`, each numbered as `n`: so many from the beginning of each of the
   * streams that the index has, one per source or one for all.
   */
  rows(where: Condition, count: string): Condition;
}

export const orderOf = ({ sort, order }: Order) => `a.${sorts[sort].column} ${order}, a.id ${order}`;

/** Rows after a place of the list. */
export function beyond({ sort, order }: Order, from: Place | undefined): Condition[] {
  const { column, type } = sorts[sort];
  return from ? [condition(`(a.${column}, a.id) ${order === "asc" ? ">" : "<"} (?::${type}, ?::uuid)`, ...from)] : [];
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

const numbered = (rows: string, order: Order, count: string) =>
  `select a.*, row_number() over () as n from (${rows} order by ${orderOf(order)} limit ${count}) a`;

const direct =
  (tenantId: string, list: Order): Road["rows"] =>
  (where, count) =>
    condition(
      numbered(
        `select s.uri, a.* from sync.assets a join places s on s.id = a.source_id where a.tenant_id = ? and ${where.sql}`,
        list,
        count,
      ),
      tenantId,
      ...where.values,
    );

const bySource =
  (tenantId: string, list: Order): Road["rows"] =>
  (where, count) =>
    condition(
      `select s.uri, a.* from places s cross join lateral (${numbered(
        `select a.* from sync.assets a where a.tenant_id = ? and a.source_id = s.id and ${where.sql}`,
        list,
        count,
      )}) a`,
      tenantId,
      ...where.values,
    );
