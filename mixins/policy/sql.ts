import type { MongoAbility, RuleOf } from "@casl/ability";
import { rulesToCondition } from "@casl/ability/extra";
import type { Permission } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import type { Kind, Things } from "../../config/rules.ts";

/** A piece of SQL with its parameters, in their order. */
export interface Condition {
  sql: string;
  values: unknown[];
}

/** The SQL of each attribute of a thing. */
export type Columns<K extends Kind> = Record<keyof Things[K], string>;

/** The things of a kind for which an ability holds a permission, as SQL. Where an attribute is NULL, no rule lets the row through. */
export function conditionOf<K extends Kind>(ability: MongoAbility, permission: Permission, kind: K, columns: Columns<K>): Condition {
  const join = (word: string) => (parts: Condition[]) => ({
    sql: `(${parts.map(({ sql }) => sql).join(` ${word} `)})`,
    values: parts.flatMap(({ values }) => values),
  });
  const convert = ({ inverted, conditions }: RuleOf<MongoAbility>): Condition => {
    const { sql, values } = translated(conditions ?? {}, columns);
    // Unknown is not allowed: `not (owner <> me)` of a row without an owner is NULL, which shows nothing.
    return inverted ? { sql: `not (${sql})`, values } : { sql, values };
  };
  const found = rulesToCondition(ability.rulesFor(permission, kind), convert, {
    and: join("and"),
    or: join("or"),
    empty: () => ({ sql: "true", values: [] }),
  });
  return found ?? { sql: "false", values: [] };
}

const operators: Record<string, (column: string, value: unknown) => Condition> = {
  $ne: (column, value) => ({ sql: `${column} <> ?`, values: [value] }),
  $gt: (column, value) => ({ sql: `${column} > ?`, values: [value] }),
  $nin: (column, value) => ({ sql: `${column} not in (${(value as unknown[]).map(() => "?").join(", ")})`, values: value as unknown[] }),
};

/** The conditions that policy.ts makes, and no others. */
function translated(conditions: object, columns: Record<string, string>): Condition {
  const parts = Object.entries(conditions).flatMap(([name, comparisons]) =>
    Object.entries(comparisons as object).map(([operator, operand]) => {
      const make = operators[operator];
      if (!make || !(name in columns)) throw errors.internal(`No SQL is known for ${name} ${operator}.`);
      return make(columns[name]!, operand);
    }),
  );
  return { sql: parts.map(({ sql }) => sql).join(" and ") || "true", values: parts.flatMap(({ values }) => values) };
}
