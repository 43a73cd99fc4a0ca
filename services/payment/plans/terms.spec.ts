import { describe, expect, it } from "@jest/globals";
import { cycleAmount, termFaults, termsOf, type Cycle, type NewTerms } from "./terms.ts";

const monthly = { tenure: "regular", unit: "month", price: "9.99" } as const;
const terms = (of: Partial<NewTerms> = {}) => termsOf({ currency: "EUR", cycles: [monthly], ...of });
const faults = (of: Partial<NewTerms>) => termFaults(terms(of));
const pointers = (of: Partial<NewTerms>) => faults(of).map(({ pointer }) => pointer);

describe("the terms of a plan", () => {
  it("are filled in: a trial has one payment, a regular cycle no end, PayPal suspends after three failures", () => {
    const filled = terms({ cycles: [{ tenure: "trial", unit: "week" }, monthly] });
    expect(filled).toMatchObject({ failureThreshold: 3, setupFeeFailure: "cancel", autoBillOutstanding: true, quantitySupported: false });
    expect(filled.cycles).toMatchObject([
      { total: 1, count: 1 },
      { total: 0, count: 1 },
    ]);
    expect(termFaults(filled)).toEqual([]);
  });

  it("name every fault at once", () => {
    const bad = faults({
      currency: "XXX",
      cycles: [
        { tenure: "trial", unit: "day" },
        { tenure: "trial", unit: "day" },
        { tenure: "trial", unit: "day", total: 0 },
        { tenure: "regular", unit: "year", count: 2 },
        monthly,
      ],
      setupFee: "ten",
      taxPercentage: "101",
    });
    expect(bad.map(({ pointer }) => pointer)).toEqual([
      "/currency",
      "/cycles",
      "/cycles",
      "/cycles",
      "/cycles/2/total",
      "/cycles/3/count",
      "/cycles/3/price",
      "/setupFee",
      "/taxPercentage",
    ]);
  });

  it.each([
    ["no regular cycle", { cycles: [{ tenure: "trial", unit: "day" }] }, ["/cycles"]],
    ["a trial after the regular cycle", { cycles: [monthly, { tenure: "trial", unit: "day" }] }, ["/cycles"]],
    ["53 weeks", { cycles: [{ ...monthly, unit: "week", count: 53 }] }, ["/cycles/0/count"]],
    ["366 days", { cycles: [{ ...monthly, unit: "day", count: 366 }] }, ["/cycles/0/count"]],
    ["13 months", { cycles: [{ ...monthly, count: 13 }] }, ["/cycles/0/count"]],
    ["a negative price", { cycles: [{ ...monthly, price: "-1.00" }] }, ["/cycles/0/price"]],
    ["a fraction of a cent", { cycles: [{ ...monthly, price: "9.999" }] }, ["/cycles/0/price"]],
    ["decimals of yen", { currency: "JPY", cycles: [{ ...monthly, price: "9.99" }] }, ["/cycles/0/price"]],
    ["decimals of forints", { currency: "HUF", cycles: [{ ...monthly, price: "999.5" }] }, ["/cycles/0/price"]],
    ["a price of nothing", { cycles: [{ ...monthly, price: "0.00" }] }, ["/cycles/0/price"]],
  ] as [string, Partial<NewTerms>, string[]][])("refuse %s", (_what, of, expected) => {
    expect(pointers(of)).toEqual(expected);
  });

  it("take whole forints and yen", () => {
    for (const currency of ["JPY", "HUF", "TWD"]) expect(faults({ currency, cycles: [{ ...monthly, price: "990" }] })).toEqual([]);
  });

  const tiered = (tiers: Cycle["tiers"], more: Partial<Cycle> = {}) =>
    pointers({ cycles: [{ tenure: "regular", unit: "month", model: "tiered", tiers, ...more }] });

  it("take tiers without holes, and no others", () => {
    expect(
      tiered([
        { from: 1, to: 10, amount: "5.00" },
        { from: 11, amount: "4.00" },
      ]),
    ).toEqual([]);
    expect(
      tiered([
        { from: 2, to: 10, amount: "5.00" },
        { from: 12, to: 20, amount: "4" },
      ]),
    ).toEqual(["/cycles/0/tiers/0/from", "/cycles/0/tiers/1/from", "/cycles/0/tiers/1/to"]);
    expect(
      tiered([
        { from: 1, amount: "x" },
        { from: 1, amount: "4" },
      ]),
    ).toEqual(["/cycles/0/tiers/0/to", "/cycles/0/tiers/0/amount"]);
    expect(tiered([])).toEqual(["/cycles/0/tiers"]);
    expect(tiered(Array.from({ length: 33 }, (_none, at) => ({ from: at + 1, ...(at < 32 && { to: at + 1 }), amount: "1" })))).toEqual([
      "/cycles/0/tiers",
    ]);
    expect(tiered([{ from: 1, amount: "5" }], { price: "5.00" })).toEqual(["/cycles/0/price"]);
    expect(pointers({ cycles: [{ tenure: "regular", unit: "month", tiers: [{ from: 1, amount: "5" }] }] })).toEqual(["/cycles/0/model"]);
    expect(
      pointers({
        quantitySupported: false,
        cycles: [{ tenure: "regular", unit: "month", model: "volume", tiers: [{ from: 1, amount: "5" }] }],
      }),
    ).toEqual(["/cycles/0/tiers"]);
  });
});

describe("what a payment comes to", () => {
  const tiers = [
    { from: 1, to: 10, amount: "5.00" },
    { from: 11, to: 20, amount: "4.00" },
    { from: 21, amount: "3.33" },
  ];
  const of = (model: "volume" | "tiered"): Cycle => ({ tenure: "regular", unit: "month", count: 1, total: 0, model, tiers });

  it.each([
    ["volume", 1, 500n],
    ["volume", 10, 5_000n],
    ["volume", 11, 4_400n],
    ["volume", 30, 9_990n],
    ["tiered", 1, 500n],
    ["tiered", 10, 5_000n],
    ["tiered", 11, 5_400n],
    ["tiered", 30, 12_330n],
  ] as const)("is by %s tiers for %s units %s cents", (model, quantity, expected) => {
    expect(cycleAmount(of(model), "EUR", quantity)).toBe(expected);
  });

  it("is the price times the quantity without tiers, whole in yen", () => {
    const cycle = { tenure: "regular", unit: "month", count: 1, total: 0, price: "990" } as const;
    expect(cycleAmount(cycle, "JPY", 3)).toBe(2_970n);
    expect(cycleAmount({ ...cycle, tenure: "trial", price: undefined } as never, "JPY", 3)).toBe(0n);
  });
});
