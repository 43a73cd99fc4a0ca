import { wholeRate, type Rate } from "./rate.ts";
import { divide, settle, type Rounding } from "./rounding.ts";

export const priceKinds = ["exclusive", "inclusive"] as const;
/** Whether prices are without tax or hold it. */
export type PriceKind = (typeof priceKinds)[number];

/** An amount that is taxed at a rate. What has one `group` is rounded together where rounding is by total. */
export interface Taxable {
  /** Minor units, never negative; without tax or with it, as the prices are. */
  amount: bigint;
  rate: Rate;
  group: string;
}

/** Minor units; net + tax = gross. */
export interface Charged {
  net: bigint;
  tax: bigint;
  gross: bigint;
}

/** The tax on each amount, so that both lines and groups add up. */
export function charge(amounts: readonly Taxable[], prices: PriceKind, { scope, mode }: Rounding): Charged[] {
  const taxes = amounts.map(({ amount, rate }) => divide(amount * rate, divisor(prices, rate), mode));
  if (scope === "total") {
    for (const group of new Set(amounts.map(({ group }) => group))) {
      const members = amounts.flatMap((taxable, index) => (taxable.group === group ? [{ ...taxable, index }] : []));
      const { rate } = members[0]!;
      const denominator = divisor(prices, rate);
      const sum = members.reduce((total, { amount }) => total + amount, 0n);
      const shares = settle(
        divide(sum * rate, denominator, mode),
        members.map(({ amount }) => amount * rate),
        denominator,
      );
      members.forEach(({ index }, place) => (taxes[index] = shares[place]!));
    }
  }
  return amounts.map(({ amount }, index) => {
    const tax = taxes[index]!;
    return prices === "exclusive" ? { net: amount, tax, gross: amount + tax } : { net: amount - tax, tax, gross: amount };
  });
}

const divisor = (prices: PriceKind, rate: Rate) => (prices === "exclusive" ? wholeRate : wholeRate + rate);

export const sumOf = (charged: readonly Charged[]): Charged =>
  charged.reduce((sum, { net, tax, gross }) => ({ net: sum.net + net, tax: sum.tax + tax, gross: sum.gross + gross }), {
    net: 0n,
    tax: 0n,
    gross: 0n,
  });
