import Type, { type Static } from "typebox";
import type { Fault } from "../../../config/errors.ts";
import { conditionFaults, type Condition } from "./condition.ts";
import { testKinds } from "./tests.ts";

export const effects = ["score", "review", "block", "allow"] as const;
const closed = { additionalProperties: false };
const points = (description: string) => Type.Integer({ minimum: 1, maximum: 10_000, description });

const ruleSchema = Type.Object(
  {
    id: Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,49}$", description: "What reasons name it by." }),
    description: Type.String({ minLength: 1, maxLength: 200, description: "What it is for; reviewers read it." }),
    when: Type.Unsafe<Condition>(
      Type.Object(
        {},
        {
          description: `A condition: an object with one member, all or any (a list of conditions), not (a condition), or a test: ${testKinds.join(", ")}. See docs/api.md.`,
        },
      ),
    ),
    effect: Type.Enum(effects, {
      description:
        "score adds points; block refuses; review waits for a person; allow lets through whatever the score. block beats allow, allow beats review.",
    }),
    points: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, description: "Of effect score." })),
  },
  closed,
);
export type FraudRule = Static<typeof ruleSchema>;

export const ruleSetFields = {
  thresholds: Type.Object(
    { review: points("Score from which a person has to look."), block: points("Score from which the payment is refused.") },
    closed,
  ),
  reviewHours: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 720, default: 72, description: "Hours that a review may take; then the payment fails." }),
  ),
  rules: Type.Array(ruleSchema, { maxItems: 100, description: "All are looked at, in any order." }),
};

export interface RuleSet {
  thresholds: { review: number; block: number };
  reviewHours?: number;
  rules: FraudRule[];
}
export const reviewHoursOf = ({ reviewHours = 72 }: RuleSet) => reviewHours;

/** What the schema can't say of a rule set. */
export function ruleSetFaults({ thresholds, rules }: RuleSet): Fault[] {
  const faults: Fault[] = [];
  if (thresholds.review > thresholds.block) faults.push({ pointer: "/thresholds/review", detail: "must not be more than block" });
  rules.forEach(({ id, effect, points, when }, index) => {
    const at = `/rules/${index}`;
    if (rules.findIndex((other) => other.id === id) < index) faults.push({ pointer: `${at}/id`, detail: "another rule has this id" });
    if (effect === "score" && points === undefined) faults.push({ pointer: `${at}/points`, detail: "is required with effect score" });
    if (effect !== "score" && points !== undefined)
      faults.push({ pointer: `${at}/points`, detail: `must be left out with effect ${effect}` });
    faults.push(...conditionFaults(when, `${at}/when`));
  });
  return faults;
}
