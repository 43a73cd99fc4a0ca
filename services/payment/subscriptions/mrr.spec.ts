import { describe, expect, it } from "@jest/globals";
import { monthly, type Regular } from "./mrr.ts";

const group = (of: Partial<Regular>): Regular => ({ currency: "EUR", unit: "month", unitCount: 1, sum: 1000n, subscriptions: 1, ...of });
const amount = (...groups: Partial<Regular>[]) => monthly(groups.map(group))[0]!.amountMinor;

describe("monthly recurring revenue", () => {
  it.each([
    [{ unit: "month" }, 1000n],
    [{ unit: "month", unitCount: 3 }, 333n],
    [{ unit: "month", unitCount: 12 }, 83n],
    [{ unit: "year" }, 83n],
    [{ unit: "year", sum: 1206n }, 101n],
    [{ unit: "week" }, 4333n],
    [{ unit: "week", unitCount: 52 }, 83n],
    [{ unit: "day" }, 30_417n],
    [{ unit: "day", unitCount: 365 }, 83n],
  ] as [Partial<Regular>, bigint][])("of 10.00 every %j is a month's part, halves up", (of, expected) => {
    expect(amount(of)).toBe(expected);
  });

  it("is rounded once for a currency, not for each subscription", () => {
    const third = { unit: "month", unitCount: 3, sum: 100n } as const;
    expect(amount(third, { ...third, unitCount: 6 }, { ...third, unit: "year", unitCount: 1 })).toBe(58n);
    expect(amount({ unitCount: 3, sum: 1000n }, { unitCount: 3, sum: 1000n }, { unitCount: 3, sum: 1000n })).toBe(1000n);
  });

  it("adds up nothing across currencies, and counts in whole yen", () => {
    const found = monthly([group({ currency: "JPY", unit: "year", sum: 1000n }), group({}), group({ subscriptions: 2, sum: 1n })]);
    expect(found).toEqual([
      { currency: "EUR", amountMinor: 1001n, subscriptions: 3 },
      { currency: "JPY", amountMinor: 83n, subscriptions: 1 },
    ]);
    expect(monthly([])).toEqual([]);
  });
});
