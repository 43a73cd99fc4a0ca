import { errors } from "../../../config/errors.ts";
import { wordsOf } from "../../../entities/AssetWords.ts";
import { below, condition, type Condition } from "./condition.ts";

export interface AssetFilter {
  category?: string | undefined;
  mediaType?: string | undefined;
  /** Paths that start with this. */
  prefix?: string | undefined;
  /** URI or id of a source. */
  source?: string | undefined;
  /** Only what the source has ("present"), only what it has not ("gone"), or both. */
  state: "present" | "gone" | "all";
  /** Bytes, both included. */
  minSize?: number | undefined;
  maxSize?: number | undefined;
  /** ISO 8601; from the first on, before the second. */
  modifiedAfter?: string | undefined;
  modifiedBefore?: string | undefined;
  /** Words that the path has, each from its beginning. */
  search?: string | undefined;
}

/** The parts of a filter as SQL of an asset `a`; the source is not among them: see `places`. */
export type Parts = Record<"state" | "category" | "mediaType" | "prefix" | "size" | "modified" | "search", Condition[]>;

/** @throws VALIDATION_FAILED for a search without any letter or digit */
export function partsOf(filter: AssetFilter): Parts {
  const { category, mediaType, prefix = "", state, minSize, maxSize, modifiedAfter, modifiedBefore, search } = filter;
  if (search !== undefined && !/[\p{L}\p{N}]/u.test(search))
    throw errors.invalid([{ pointer: "/search", detail: "must have a letter or a digit" }]);
  const when = (value: unknown, sql: string) => (value === undefined ? [] : [condition(sql, value)]);
  return {
    state: [
      condition("a.removed_at is null"),
      ...(state === "all" ? [] : [condition(`a.gone_at is ${state === "gone" ? "not " : ""}null`)]),
    ],
    category: when(category, "a.category = ?"),
    mediaType: when(mediaType, "a.media_type = ?"),
    prefix: below("a.path", prefix),
    size: [...when(minSize, "a.size >= ?"), ...when(maxSize, "a.size <= ?")],
    modified: [...when(modifiedAfter, "a.modified_at >= ?::timestamptz"), ...when(modifiedBefore, "a.modified_at < ?::timestamptz")],
    search: when(search, `${wordsOf("a.path", "a.tenant_id")} @@ (select sync.words_query(?))`),
  };
}

/** The tenant's sources that a list is of, as the named query `places (id, uri)`. @param seen those whose assets the caller may see */
export function places(tenantId: string, source: string | undefined, seen: Condition): Condition {
  const chosen = source === undefined ? [] : [condition("(uri = ? or id::text = ?)", source, source)];
  const { sql, values } = condition.all([condition("tenant_id = ?", tenantId), seen, ...chosen]);
  return condition(`places as materialized (select id, uri from sync.sources where ${sql})`, ...values);
}
