import type { Condition } from "../../../mixins/policy/sql.ts";

export type { Condition };

export const condition = (sql: string, ...values: unknown[]): Condition => ({ sql, values });

/** All of them; true when there are none. */
condition.all = (conditions: Condition[]): Condition => ({
  sql: conditions.map(({ sql }) => sql).join(" and ") || "true",
  values: conditions.flatMap(({ values }) => values),
});

/**
 * Paths that start with `prefix`, as a range of their byte order: `starts_with` would read every path.
 * @param column one with the collation "C"
 */
export function below(column: string, prefix: string): Condition[] {
  if (!prefix) return [];
  const after = following(prefix);
  return [condition(`${column} >= ?`, prefix), ...(after === undefined ? [] : [condition(`${column} < ?`, after)])];
}

/** The first text in code point order, which is UTF-8's byte order, after all that start with `prefix`. */
function following(prefix: string): string | undefined {
  const points = Array.from(prefix, (character) => character.codePointAt(0)!);
  while (points.at(-1) === 0x10ffff) points.pop();
  const last = points.pop();
  // Surrogates are no characters of UTF-8.
  return last === undefined ? undefined : String.fromCodePoint(...points, last === 0xd7ff ? 0xe000 : last + 1);
}
