import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { baskets, broken } from "../../../test/baskets.ts";
import { charge, sumOf } from "./charge.ts";
import { orderBreakdown } from "./paypal.ts";
import { formatRate, parseRate, wholeRate } from "./rate.ts";
import { allocate, divide } from "./rounding.ts";

const total = (amounts: bigint[]) => amounts.reduce((a, b) => a + b, 0n);

describe("tax", () => {
  it("adds up in every basket of every currency: lines to groups, groups to totals, net and tax to gross, nothing negative", () => {
    fc.assert(
      fc.property(baskets, (basket) => {
        const { lines, groups, netMinor, taxMinor, grossMinor, discountMinor } = broken(basket);
        expect(netMinor + taxMinor).toBe(grossMinor);
        for (const name of ["netMinor", "taxMinor", "grossMinor"] as const) {
          const sum = { netMinor, taxMinor, grossMinor }[name];
          expect(total(lines.map((one) => one[name]))).toBe(sum);
          expect(total(groups.map((one) => one[name]))).toBe(sum);
          expect([...lines, ...groups].every((one) => one[name] >= 0n)).toBe(true);
        }
        expect(total(lines.map((one) => one.discountMinor))).toBe(discountMinor);
        const priced = total(lines.map(({ unitMinor, quantity }) => unitMinor * quantity)) - discountMinor;
        expect(basket.prices === "exclusive" ? netMinor : grossMinor).toBe(priced);
      }),
      { numRuns: 400 },
    );
  });

  it("satisfies PayPal's equations in every basket: amount, item total and, where units have a tax, tax total", () => {
    fc.assert(
      fc.property(baskets, (basket) => {
        const breakdown = broken(basket);
        const { itemTotalMinor, taxTotalMinor, shippingMinor, discountMinor, items } = orderBreakdown(breakdown);
        expect(itemTotalMinor + taxTotalMinor + shippingMinor - discountMinor).toBe(breakdown.grossMinor);
        expect(total(items.map(({ unitMinor, quantity }) => unitMinor * quantity))).toBe(itemTotalMinor);
        expect([itemTotalMinor, taxTotalMinor, shippingMinor, discountMinor].every((amount) => amount >= 0n)).toBe(true);
        const taxes = items.map(({ taxMinor, quantity }) => (taxMinor === null ? null : taxMinor * quantity));
        // All or none: PayPal adds up what is there.
        expect(new Set(taxes.map((tax) => tax === null)).size).toBe(1);
        if (taxes[0] !== null) expect(total(taxes as bigint[])).toBe(taxTotalMinor);
      }),
      { numRuns: 400 },
    );
  });

  it("is off by half a cent at most for each rate, however many lines there are, when it is rounded by total", () => {
    fc.assert(
      fc.property(baskets, (basket) => {
        const { groups, prices } = broken({ ...basket, rounding: { scope: "total", mode: "half-up" } });
        for (const { netMinor, grossMinor, taxMinor, percent } of groups) {
          const rate = parseRate(percent);
          const [amount, denominator] = prices === "exclusive" ? [netMinor, wholeRate] : [grossMinor, wholeRate + rate];
          expect(taxMinor).toBe(divide(amount * rate, denominator, "half-up"));
        }
      }),
    );
  });

  it("is the same bill for 3 × 33.33 with 19 % tax, whether the price holds it or not, with three lines or one", () => {
    const nineteen = parseRate("19");
    const one = (amount: bigint, scope: "line" | "total", prices: "exclusive" | "inclusive") =>
      sumOf(charge([{ amount, rate: nineteen, group: "S" }], prices, { scope, mode: "half-up" }));
    const three = (scope: "line" | "total", prices: "exclusive" | "inclusive") =>
      charge(Array(3).fill({ amount: 3333n, rate: nineteen, group: "S" }), prices, { scope, mode: "half-up" });
    expect(one(9999n, "total", "exclusive")).toEqual({ net: 9999n, tax: 1900n, gross: 11899n });
    expect(sumOf(three("total", "exclusive"))).toEqual({ net: 9999n, tax: 1900n, gross: 11899n });
    expect(three("total", "exclusive").map(({ tax }) => tax)).toEqual([634n, 633n, 633n]);
    // Rounded on each line it is a cent less: 3 × 6.33.
    expect(sumOf(three("line", "exclusive"))).toEqual({ net: 9999n, tax: 1899n, gross: 11898n });
    expect(one(9999n, "total", "inclusive")).toEqual({ net: 8403n, tax: 1596n, gross: 9999n });
    expect(sumOf(three("total", "inclusive"))).toEqual({ net: 8403n, tax: 1596n, gross: 9999n });
    expect(sumOf(three("line", "inclusive"))).toEqual({ net: 8403n, tax: 1596n, gross: 9999n });
  });

  it("sends PayPal one item for several whose price without tax is no whole cent, and leaves the tax of units out then", () => {
    const basket = {
      currency: "EUR" as const,
      prices: "inclusive" as const,
      rounding: { scope: "total" as const, mode: "half-up" as const },
    };
    const items = [{ unit: 1000n, quantity: 3n, rate: parseRate("19") }];
    expect(orderBreakdown(broken({ ...basket, items, shipping: null, off: 0n }))).toEqual({
      ...{ itemTotalMinor: 2521n, taxTotalMinor: 479n, shippingMinor: 0n, discountMinor: 0n },
      items: [{ name: "3 × thing", sku: null, quantity: 1n, unitMinor: 2521n, taxMinor: 479n }],
    });
    const taxed = broken({
      ...basket,
      prices: "exclusive",
      items,
      shipping: { unit: 500n, quantity: 1n, rate: parseRate("19") },
      off: 100n,
    });
    expect(orderBreakdown(taxed)).toEqual({
      ...{ itemTotalMinor: 3000n, taxTotalMinor: 608n, shippingMinor: 500n, discountMinor: 300n },
      items: [{ name: "thing", sku: null, quantity: 3n, unitMinor: 1000n, taxMinor: null }],
    });
  });

  it("rounds half a cent up, or to the even one", () => {
    expect([5n, 15n, 25n, 14n, 16n].map((tenth) => divide(tenth, 10n, "half-up"))).toEqual([1n, 2n, 3n, 1n, 2n]);
    expect([5n, 15n, 25n, 14n, 16n].map((tenth) => divide(tenth, 10n, "half-even"))).toEqual([0n, 2n, 2n, 1n, 2n]);
  });

  it("shares out every cent once, to the largest remainders, and nothing to who has no share", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10_000n), fc.array(fc.bigInt(0n, 1000n), { minLength: 1, maxLength: 9 }), (amount, weights) => {
        const shares = allocate(amount, weights);
        expect(total(shares)).toBe(amount);
        const sum = total(weights);
        if (sum === 0n) return;
        shares.forEach((share, index) => {
          const whole = (amount * weights[index]!) / sum;
          expect(share === whole || share === whole + 1n).toBe(true);
          if (weights[index] === 0n) expect(share).toBe(0n);
        });
      }),
    );
    expect(allocate(100n, [1n, 1n, 1n])).toEqual([34n, 33n, 33n]);
  });

  it("reads and writes rates exactly", () => {
    fc.assert(fc.property(fc.bigInt(0n, 10_000_000n), (rate) => expect(parseRate(formatRate(rate))).toBe(rate)));
    expect(["19", "19.00000", "9.975", "0", "0.00001", "100"].map((percent) => formatRate(parseRate(percent)))).toEqual([
      "19",
      "19",
      "9.975",
      "0",
      "0.00001",
      "100",
    ]);
  });
});
