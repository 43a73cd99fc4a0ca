import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { currencies, formatAmount } from "../money.ts";
import type { Condition } from "./condition.ts";
import { decisions, evaluate } from "./evaluate.ts";
import { dimensions, listedKinds, windows, type Facts } from "./facts.ts";
import { ruleSetFaults, type FraudRule, type RuleSet } from "./ruleset.ts";
import { standardRules } from "./standard.ts";

const facts = (change: Partial<Omit<Facts, "payer">> & { payer?: Partial<Facts["payer"]> } = {}): Facts => ({
  at: "2026-11-27T12:00:00.000Z",
  amount: "12.50",
  currency: "EUR",
  items: null,
  velocity: {},
  counters: "redis",
  listed: { block: [], allow: [] },
  ...change,
  payer: { domain: null, country: null, ipCountry: null, told: [], isNew: null, ...change.payer },
});
const rule = (when: Condition, effect: FraudRule["effect"] = "review", points?: number): FraudRule => ({
  ...{ id: "spec", description: "Spec.", when, effect },
  ...(points !== undefined && { points }),
});
const rules = (...made: FraudRule[]): RuleSet => ({
  thresholds: { review: 50, block: 100 },
  rules: made.map((one, index) => ({ ...one, id: `rule-${index}` })),
});
const holds = (when: Condition, of: Facts) => evaluate(of, rules(rule(when))).decision === "review";

const someCurrency = fc.constantFrom(...currencies);
const someMoney = fc.uniqueArray(fc.tuple(someCurrency, fc.bigInt(0n, 10_000_000n)), {
  selector: ([code]) => code,
  minLength: 1,
  maxLength: 3,
});
const amounts = someMoney.map((list) => Object.fromEntries(list.map(([code, minor]) => [code, formatAmount(minor, code)])));
const someTest = fc.oneof(
  amounts.map((over) => ({ amount: { over } })),
  amounts.map((under) => ({ amount: { under } })),
  fc.record({ on: fc.constantFrom("block", "allow") }).map((listed) => ({ listed })),
  fc.boolean().map((newCustomer) => ({ newCustomer })),
  fc.constant({ countriesDiffer: true }),
  fc.constantFrom("email", "ip", "card", "country", "ipCountry").map((missing) => ({ missing })),
  fc
    .record({ of: fc.constantFrom(...dimensions), minutes: fc.constantFrom(...windows), countOver: fc.nat(20) })
    .map((velocity) => ({ velocity })),
  fc
    .record({ of: fc.constantFrom(...dimensions), minutes: fc.constantFrom(...windows), sumOver: amounts })
    .map((velocity) => ({ velocity })),
);
const { tree: someCondition } = fc.letrec<{ tree: Condition }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    someTest,
    fc.array(tie("tree"), { minLength: 1, maxLength: 3 }).map((all) => ({ all })),
    fc.array(tie("tree"), { minLength: 1, maxLength: 3 }).map((any) => ({ any })),
    tie("tree").map((not) => ({ not })),
  ),
}));
const scoring = fc.tuple(someCondition, fc.integer({ min: 1, max: 200 })).map(([when, points]) => rule(when, "score", points));
const someRule = fc.oneof(
  scoring,
  fc
    .tuple(someCondition, fc.constantFrom("review" as const, "block" as const, "allow" as const))
    .map(([when, effect]) => rule(when, effect)),
);
const someFacts = fc
  .record({
    currency: someCurrency,
    minor: fc.bigInt(1n, 20_000_000n),
    isNew: fc.constantFrom(true, false, null),
    told: fc.subarray([...dimensions]),
    block: fc.subarray([...listedKinds]),
    allow: fc.subarray([...listedKinds]),
    countries: fc.constantFrom(["DE", "DE"], ["DE", "FR"], [null, "FR"]),
    count: fc.integer({ min: 1, max: 40 }),
  })
  .map(({ currency, minor, isNew, told, block, allow, countries: [country = null, ipCountry = null], count }) =>
    facts({
      ...{ amount: formatAmount(minor, currency), currency, listed: { block, allow } },
      velocity: Object.fromEntries(
        told.map((of) => [of, Object.fromEntries(windows.map((minutes) => [minutes, { count, sumMinor: String(minor * BigInt(count)) }]))]),
      ),
      payer: { isNew, told, country, ipCountry },
    }),
  );

describe("judging a payment", () => {
  it("explains the whole score: the reasons' points come to it, and each names its rule and what was seen", () => {
    fc.assert(
      fc.property(someFacts, fc.array(someRule, { maxLength: 8 }), (of, list) => {
        const set = rules(...list);
        expect(ruleSetFaults(set)).toEqual([]);
        const { score, reasons } = evaluate(of, set);
        expect(reasons.reduce((sum, { points }) => sum + points, 0)).toBe(score);
        for (const reason of reasons) {
          expect(reason.seen.length).toBeGreaterThan(0);
          const named = set.rules.find(({ id }) => id === reason.rule);
          expect(named).toMatchObject({ effect: reason.effect, description: reason.description });
          expect(reason.points).toBe(named!.effect === "score" ? named!.points : 0);
        }
      }),
    );
  });

  it("never lowers a score, nor lets more through, for one scoring rule more", () => {
    fc.assert(
      fc.property(someFacts, fc.array(someRule, { maxLength: 6 }), scoring, (of, list, more) => {
        const before = evaluate(of, rules(...list));
        const after = evaluate(of, rules(...list, more));
        expect(after.score).toBeGreaterThanOrEqual(before.score);
        expect(decisions.indexOf(after.decision)).toBeGreaterThanOrEqual(decisions.indexOf(before.decision));
      }),
    );
  });

  it("gives the same judgement whatever the order of the rules, and whenever it is asked", () => {
    fc.assert(
      fc.property(someFacts, fc.array(someRule, { maxLength: 6 }), (of, list) => {
        const [one, other] = [evaluate(of, rules(...list)), evaluate(of, rules(...list.toReversed()))];
        expect(other).toMatchObject({ decision: one.decision, score: one.score });
        expect(evaluate(structuredClone(of), rules(...list))).toEqual(one);
      }),
    );
  });

  it("holds a condition or its negation, never both", () => {
    fc.assert(fc.property(someFacts, someCondition, (of, when) => expect(holds({ not: when }, of)).toBe(!holds(when, of))));
  });

  it("turns a score into allow, review and block at the thresholds, and not before", () => {
    const scored = (points: number) => evaluate(facts(), rules(rule({ missing: "email" }, "score", points))).decision;
    expect([49, 50, 99, 100].map(scored)).toEqual(["allow", "review", "review", "block"]);
  });

  it("lets block beat allow, and allow beat review and any score", () => {
    const always = { missing: "email" };
    const of = (...made: FraudRule[]) => evaluate(facts(), rules(...made)).decision;
    expect(of(rule(always, "block"), rule(always, "allow"))).toBe("block");
    expect(of(rule(always, "review"), rule(always, "allow"), rule(always, "score", 500))).toBe("allow");
    expect(of(rule(always, "review"))).toBe("review");
  });

  it("compares amounts in minor units of their own currency: one more than the ceiling is over it, the ceiling is not", () => {
    const over = { amount: { over: { EUR: "90071992547409.93", JPY: "1000" } } };
    const of = (amount: string, currency: "EUR" | "JPY" | "USD") => holds(over, facts({ amount, currency }));
    // As floats these two would be the same.
    expect([of("90071992547409.93", "EUR"), of("90071992547409.94", "EUR")]).toEqual([false, true]);
    expect([of("1000", "JPY"), of("1001", "JPY"), of("999999.00", "USD")]).toEqual([false, true, false]);
  });

  it("adds up more than any single amount may be", () => {
    const velocity = { email: { 60: { count: 500, sumMinor: "49999999999999999500" } } };
    const limit = (sumOver: string) => holds({ velocity: { of: "email", minutes: 60, sumOver: { EUR: sumOver } } }, facts({ velocity }));
    expect(limit("999999999999999.99")).toBe(true);
  });

  it("knows a domain's own and what is below it, hours over midnight, and that nothing follows from what was not told", () => {
    const mail = (domain: string | null) => holds({ domain: { in: ["mailinator.com"] } }, facts({ payer: { domain } }));
    expect([mail("mailinator.com"), mail("a.mailinator.com"), mail("notmailinator.com"), mail(null)]).toEqual([true, true, false, false]);
    const night = { hours: { from: "23:00", to: "05:00", timeZone: "Europe/Berlin" } };
    const at = (time: string) => holds(night, facts({ at: `2026-11-27T${time}:00.000Z` }));
    expect([at("21:59"), at("22:00"), at("03:59"), at("04:00")]).toEqual([false, true, true, false]);
    const silent = facts();
    for (const when of [{ countriesDiffer: true }, { newCustomer: true }, { newCustomer: false }, { items: { linesOver: 0 } }])
      expect(holds(when, silent)).toBe(false);
  });

  it("lets a payment of which little is known through by the rules that come with the service, and explains several signs together", () => {
    expect(ruleSetFaults(standardRules)).toEqual([]);
    expect(evaluate(facts({ amount: "999999999999999.99" }), standardRules)).toMatchObject({ decision: "allow", score: 20 });
    const signs = facts({
      amount: "3000.00",
      payer: { country: "DE", ipCountry: "BR", isNew: true, domain: "yopmail.com", told: ["email"] },
    });
    expect(evaluate(signs, standardRules)).toEqual({
      decision: "block",
      score: 120,
      reasons: [
        expect.objectContaining({ rule: "countries-differ", points: 40, seen: ["billing country is DE, that of the network BR"] }),
        expect.objectContaining({ rule: "large", points: 20, seen: ["amount 3000.00 EUR is over 2500"] }),
        expect.objectContaining({
          ...{ rule: "large-and-new", points: 30 },
          seen: ["amount 3000.00 EUR is over 1000", "the e-mail address has not paid here before"],
        }),
        expect.objectContaining({ rule: "throwaway-address", points: 30, seen: ["e-mail address is of yopmail.com"] }),
      ],
    });
  });
});

describe("a rule set", () => {
  it("is refused with every fault, each at its place", () => {
    const faulty: RuleSet = {
      thresholds: { review: 90, block: 60 },
      rules: [
        { id: "a", description: "A.", effect: "score", when: { amount: { over: { EUR: "1.234", XXX: "1", JPY: "-5" } } } },
        { id: "a", description: "A.", effect: "block", points: 5, when: { all: [] } },
        {
          id: "b",
          description: "B.",
          effect: "review",
          when: { any: [{ not: { velocity: { of: "email", minutes: 7, countOver: 1 } } }, { "a/b": 1 }] },
        },
        {
          id: "c",
          description: "C.",
          effect: "review",
          when: { hours: { from: "08:00", to: "08:00", timeZone: "Nowhere/At_All" }, country: {} },
        },
        { id: "d", description: "D.", effect: "review", when: { hours: { from: "08:00", to: "08:00", timeZone: "Nowhere/At_All" } } },
        { id: "e", description: "E.", effect: "review", when: { domain: { in: ["Mail@Example.com"] } } },
        { id: "f", description: "F.", effect: "review", when: { velocity: { of: "email", minutes: 60 } } },
      ],
    };
    expect(ruleSetFaults(faulty).map(({ pointer }) => pointer)).toEqual([
      "/thresholds/review",
      "/rules/0/points",
      "/rules/0/when/amount/over/EUR",
      "/rules/0/when/amount/over/XXX",
      "/rules/0/when/amount/over/JPY",
      "/rules/1/id",
      "/rules/1/points",
      "/rules/1/when/all",
      "/rules/2/when/any/0/not/velocity/minutes",
      "/rules/2/when/any/1/a~1b",
      "/rules/3/when",
      "/rules/4/when/hours/timeZone",
      "/rules/4/when/hours/to",
      "/rules/5/when/domain/in/0",
      "/rules/6/when/velocity",
    ]);
  });

  it("may not be nested without end, nor grow without end", () => {
    let deep: Condition = { missing: "email" };
    for (let level = 0; level < 8; level++) deep = { not: deep };
    const many = { any: Array.from({ length: 60 }, () => ({ missing: "email" })) };
    const faults = ruleSetFaults(rules(rule(deep), rule(many)));
    expect(faults.map(({ detail }) => detail)).toEqual([
      "must not be nested deeper than 6 levels",
      expect.stringContaining("must have at most 50 conditions"),
    ]);
  });

  it("judges on when it has a test that this version does not know: that holds nothing", () => {
    expect(evaluate(facts(), rules(rule({ ofLater: true }, "block")))).toEqual({ decision: "allow", score: 0, reasons: [] });
  });
});
