import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import type { Fault } from "../../config/errors.ts";
import { currencies, formatAmount, parseAmount } from "./money.ts";

function faultsOf(value: string, currency: string): Fault[] {
  try {
    parseAmount(value, currency);
  } catch (error) {
    return (error as { data: { faults: Fault[] } }).data.faults;
  }
  throw new Error(`${value} ${currency} was taken`);
}

describe("money", () => {
  it("gives back every amount of every currency it wrote, unchanged", () => {
    fc.assert(
      fc.property(fc.constantFrom(...currencies), fc.bigInt(0n, 999_999_999_999_999n), (currency, minor) => {
        expect(parseAmount(formatAmount(minor, currency), currency)).toBe(minor);
      }),
    );
  });

  it("never loses or invents a cent when amounts are added", () => {
    const cents = fc.bigInt(0n, 99_999_999n);
    fc.assert(
      fc.property(cents, cents, (a, b) => {
        const sum = parseAmount(formatAmount(a, "USD"), "USD") + parseAmount(formatAmount(b, "USD"), "USD");
        expect(formatAmount(sum, "USD")).toBe(formatAmount(a + b, "USD"));
      }),
    );
  });

  it("uses PayPal's decimals, not those of ISO 4217: HUF, JPY and TWD have none", () => {
    expect(parseAmount("10000", "JPY")).toBe(10000n);
    expect(parseAmount("10000", "HUF")).toBe(10000n);
    expect(parseAmount("10000", "TWD")).toBe(10000n);
    expect(parseAmount("12.5", "EUR")).toBe(1250n);
    expect(parseAmount("0.07", "USD")).toBe(7n);
    expect(formatAmount(7n, "USD")).toBe("0.07");
    expect(formatAmount(-7n, "USD")).toBe("-0.07");
    expect(formatAmount(0n, "USD")).toBe("0.00");
    expect(currencies.filter((code) => !formatAmount(1n, code).includes("."))).toEqual(["HUF", "JPY", "TWD"]);
  });

  it("takes PayPal's largest amount and refuses one digit more", () => {
    expect(parseAmount("999999999999999.99", "USD")).toBe(99_999_999_999_999_999n);
    expect(faultsOf("1000000000000000.00", "USD")).toEqual([
      { pointer: "/amount", detail: "must have at most 15 digits before the point; 16 came" },
    ]);
  });

  it.each([
    ["-1.00", "USD", "must not be negative; -1.00 came"],
    ["1.005", "USD", "must have at most 2 decimals in USD; 3 came"],
    ["100.00", "JPY", "must be whole: PayPal takes JPY without decimals"],
    ["1e3", "USD", 'must be a decimal string such as "12.50"; "1e3" came'],
    ["1,00", "EUR", 'must be a decimal string such as "12.50"; "1,00" came'],
    ["", "EUR", 'must be a decimal string such as "12.50"; "" came'],
    [" 1", "EUR", 'must be a decimal string such as "12.50"; " 1" came'],
    ["٣", "EUR", 'must be a decimal string such as "12.50"; "٣" came'],
  ])("refuses %j %s and says why", (value, currency, detail) => {
    expect(faultsOf(value, currency)).toEqual([{ pointer: "/amount", detail }]);
  });

  it("names every fault of an amount at once", () => {
    expect(faultsOf("-1234567890123456.789", "TND").map(({ pointer }) => pointer)).toEqual(["/currency", "/amount", "/amount"]);
    expect(faultsOf("1.00", "usd")[0]?.pointer).toBe("/currency");
    expect(faultsOf("1.00", "toString")[0]?.pointer).toBe("/currency");
  });
});
