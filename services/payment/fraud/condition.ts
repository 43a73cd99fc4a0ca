import type { TSchema } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { Fault } from "../../../config/errors.ts";
import { faultsOf } from "../../../mixins/validator.ts";
import type { Facts } from "./facts.ts";
import { testKinds, testOf } from "./tests.ts";

/** A tree of one member each: all, any or not of others, or a test. */
export type Condition = Record<string, unknown>;

/** Levels of a tree, and conditions in it. */
const deepest = 6;
const most = 50;

const checks = new Map<TSchema, Validator>();
function checkOf(schema: TSchema): Validator {
  const check = checks.get(schema) ?? Compile(schema);
  checks.set(schema, check);
  return check;
}

const isObject = (value: unknown): value is Condition => typeof value === "object" && value !== null && !Array.isArray(value);

/** Everything that is wrong with a condition, so that what is stored can always be judged. */
export function conditionFaults(condition: unknown, pointer: string): Fault[] {
  let met = 0;
  const faults = faultsWithin(condition, pointer, 1, () => ++met);
  return met > most ? [{ pointer, detail: `must have at most ${most} conditions in all; ${met} came` }] : faults;
}

function faultsWithin(condition: unknown, pointer: string, level: number, meet: () => number): Fault[] {
  if (meet() > most) return [];
  if (level > deepest) return [{ pointer, detail: `must not be nested deeper than ${deepest} levels` }];
  const members = isObject(condition) ? Object.keys(condition) : [];
  const [kind] = members;
  if (!isObject(condition) || kind === undefined || members.length > 1)
    return [{ pointer, detail: `must be an object with one member: all, any, not, ${testKinds.join(", ")}` }];
  const within = `${pointer}/${kind.replaceAll("~", "~0").replaceAll("/", "~1")}`;
  const params = condition[kind];
  if (kind === "all" || kind === "any") {
    if (!Array.isArray(params) || !params.length) return [{ pointer: within, detail: "must be a list of conditions" }];
    return params.flatMap((part, index) => faultsWithin(part, `${within}/${index}`, level + 1, meet));
  }
  if (kind === "not") return faultsWithin(params, within, level + 1, meet);
  const test = testOf(kind);
  if (!test) return [{ pointer: within, detail: `is not known here: expected all, any, not, ${testKinds.join(", ")}` }];
  const check = checkOf(test.schema);
  return check.Check(params) ? (test.faults?.(params, within) ?? []) : faultsOf(check, params, within);
}

/** What was seen, when the condition holds. A test that is not known holds nothing; `not` of what is unknown holds. */
export function seenBy(condition: Condition, facts: Facts): string[] | undefined {
  const [[kind = "", params] = []] = Object.entries(condition);
  switch (kind) {
    case "all": {
      const seen = (params as Condition[]).map((part) => seenBy(part, facts));
      return seen.every((part) => part !== undefined) ? seen.flat() : undefined;
    }
    case "any": {
      const seen = (params as Condition[]).flatMap((part) => seenBy(part, facts) ?? []);
      return seen.length ? seen : undefined;
    }
    case "not":
      return seenBy(params as Condition, facts) ? undefined : [`not: ${JSON.stringify(params).slice(0, 200)}`];
    default: {
      const seen = testOf(kind)?.seen(params, facts);
      return seen === undefined ? undefined : [seen];
    }
  }
}
