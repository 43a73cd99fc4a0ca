import { describe, expect, it } from "@jest/globals";
import { inOrder, leaving, turnMs, type Contender, type Contest, type Share, type Waiting } from "./fairness.ts";

const [low, normal, high, urgent] = [0, 1, 2, 3] as const;
const minute = 60_000;

const wait = (key: string, tenantId: string, more: Partial<Waiting> = {}): Waiting => ({
  key,
  tenantId,
  host: "",
  priority: normal,
  waitedMs: 1_000,
  ...more,
});
const run = (key: string, tenantId: string, more: Partial<Contender> = {}): Contender => ({
  key,
  tenantId,
  host: "",
  priority: normal,
  ...more,
});
const contest = (waiting: Waiting[], running: Contender[] = [], shares: Record<string, Partial<Share>> = {}, hostLimit = 0): Contest => ({
  waiting,
  running,
  shares: new Map(Object.entries(shares).map(([tenant, share]) => [tenant, { weight: 1, limit: 4, used: 0, ...share }])),
  hostLimit,
});
const keys = (of: Contest) => inOrder(of).map(({ key }) => key);

describe("the next job", () => {
  it("is of the highest class, whatever else speaks for another", () => {
    const waiting = [
      wait("normal", "rich"),
      wait("urgent", "greedy", { priority: urgent }),
      wait("low", "rich", { priority: low, waitedMs: 9 * minute }),
      wait("high", "greedy", { priority: high }),
    ];
    const greedy = { greedy: { used: 500 } };
    expect(keys(contest(waiting, [run("a", "greedy"), run("b", "greedy")], greedy))).toEqual(["urgent", "high", "normal", "low"]);
  });

  it("rises by a class every ten minutes, so that nothing waits for ever", () => {
    const aged = (priority: number, waitedMs: number) => wait(`${priority} after ${waitedMs / minute}`, "t", { priority, waitedMs });
    expect(
      keys(contest([aged(urgent, 0), aged(low, 29 * minute), aged(low, 31 * minute), aged(high, minute), aged(normal, 11 * minute)])),
    ).toEqual(["0 after 31", "3 after 0", "0 after 29", "1 after 11", "2 after 1"]);
  });

  it("is of the tenant with the smallest share of what runs, by its weight", () => {
    const running = [run("1", "big"), run("2", "big"), run("3", "small")];
    const waiting = [wait("of small", "small"), wait("of big", "big"), wait("of none", "none")];
    expect(keys(contest(waiting, running, { big: { weight: 3 }, small: {}, none: {} }))).toEqual(["of none", "of big", "of small"]);
  });

  it("is of the tenant that has had least, and then the one that has waited longest", () => {
    const waiting = [wait("c", "full"), wait("b", "hungry", { waitedMs: 5 }), wait("a", "hungry", { host: "h", waitedMs: 9 })];
    expect(keys(contest(waiting, [], { full: { used: 12.5 }, hungry: { used: 12 } }))).toEqual(["a", "b", "c"]);
  });

  it("is not of a tenant or a host that runs all it may", () => {
    const running = [run("1", "t"), run("2", "t"), run("3", "u", { host: "slow:22" })];
    const waiting = [
      wait("t", "t", { priority: urgent }),
      wait("u", "u", { host: "slow:22" }),
      wait("v", "v", { host: "fast:22" }),
      wait("w", "w"),
    ];
    expect(keys(contest(waiting, running, { t: { limit: 2 } }, 1)).sort()).toEqual(["v", "w"]);
    expect(keys(contest(waiting, running, { t: { limit: 2 } }, 2)).sort()).toEqual(["u", "v", "w"]);
  });
});

describe("a running job makes room", () => {
  it("for one that it would not be chosen before, and only one of them for each that waits", () => {
    const running = [run("a", "t"), run("b", "t"), run("c", "u")];
    expect([...leaving(contest([wait("w", "v")], running, { t: { used: 3 }, u: { used: 9 }, v: {} })).keys()]).toEqual(["a"]);
    expect([...leaving(contest([wait("w", "v"), wait("x", "w")], running, { t: { used: 3 }, u: { used: 9 }, v: {} })).keys()]).toEqual([
      "a",
      "c",
    ]);
    expect(leaving(contest([], running)).size).toBe(0);
  });

  it("after its turn, but at once for an urgent one", () => {
    const running = [run("a", "t")];
    expect(leaving(contest([wait("w", "u")], running))).toEqual(new Map([["a", "after its turn"]]));
    expect(leaving(contest([wait("w", "u", { priority: urgent, waitedMs: 0 })], running))).toEqual(new Map([["a", "at once"]]));
    expect(leaving(contest([wait("w", "u", { priority: urgent })], [run("a", "t", { priority: urgent })]))).toEqual(
      new Map([["a", "after its turn"]]),
    );
  });

  it("not for a lower class, a tenant that has had more, one that may not run, or one that is about to be taken", () => {
    const running = [run("a", "t", { priority: high, host: "h" })];
    for (const waiting of [
      wait("w", "u", { priority: normal }),
      wait("w", "rich", { priority: high }),
      wait("w", "none", { priority: high }),
      wait("w", "u", { priority: high, waitedMs: 50 }),
    ])
      expect(leaving(contest([waiting], running, { t: { used: 1 }, u: {}, rich: { used: 2 }, none: { limit: 0 } }, 1)).size).toBe(0);
  });

  it("for the next of its own tenant: jobs of one tenant take turns too, also at its limit", () => {
    const running = [run("a", "t"), run("b", "t")];
    expect(leaving(contest([wait("w", "t")], running, { t: { limit: 2 } })).size).toBe(1);
  });

  it("so that a tenant of weight three has three times as much", () => {
    // One slot, two tenants that always have work, turns of two seconds.
    const used = { heavy: 0, light: 0 };
    const weight = { heavy: 3, light: 1 };
    const had = { heavy: 0, light: 0 };
    let holder: "heavy" | "light" = "heavy";
    for (let second = 0; second < 400; second += 2) {
      had[holder] += 2;
      used[holder] += 2 / weight[holder];
      const other: "heavy" | "light" = holder === "heavy" ? "light" : "heavy";
      const shares = { heavy: { weight: 3, used: used.heavy }, light: { weight: 1, used: used.light } };
      if (leaving(contest([wait("w", other)], [run("r", holder)], shares)).size) holder = other;
    }
    expect(had.heavy / had.light).toBeCloseTo(3, 0);
  });
});

describe("a turn", () => {
  it("is two seconds, and shorter when many tenants wait: each has had one within five seconds", () => {
    const tenants = (count: number) => Array.from({ length: count }, (_, i) => wait(`${i}`, `${i}`));
    const four = [run("a", "0"), run("b", "1"), run("c", "2"), run("d", "3")];
    expect([1, 10, 25, 50, 1000].map((count) => turnMs(contest(tenants(count), four)))).toEqual([2000, 2000, 800, 400, 400]);
  });
});
