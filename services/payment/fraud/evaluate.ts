import { seenBy } from "./condition.ts";
import type { Facts } from "./facts.ts";
import type { FraudRule, RuleSet } from "./ruleset.ts";

export const decisions = ["allow", "review", "block"] as const;
export type Decision = (typeof decisions)[number];

/** Why: a rule that held, what it saw, and what it added to the score. */
export interface Reason {
  rule: string;
  description: string;
  effect: FraudRule["effect"];
  points: number;
  seen: string[];
}

export interface Judgement {
  decision: Decision;
  /** The sum of the reasons' points. */
  score: number;
  reasons: Reason[];
}

/** Judges facts by rules. Nothing but its arguments decides: the same facts and rules give the same judgement at any time. */
export function evaluate(facts: Facts, { thresholds, rules }: RuleSet): Judgement {
  const reasons = rules.flatMap(({ id: rule, description, effect, points = 0, when }): Reason[] => {
    const seen = seenBy(when, facts);
    return seen ? [{ rule, description, effect, points: effect === "score" ? points : 0, seen }] : [];
  });
  const score = reasons.reduce((sum, reason) => sum + reason.points, 0);
  const has = (effect: Reason["effect"]) => reasons.some((reason) => reason.effect === effect);
  if (has("block")) return { decision: "block", score, reasons };
  if (has("allow")) return { decision: "allow", score, reasons };
  if (score >= thresholds.block) return { decision: "block", score, reasons };
  return { decision: has("review") || score >= thresholds.review ? "review" : "allow", score, reasons };
}
