import fc from "fast-check";
import type { Currency } from "../services/payment/money.ts";
import { reckon, type AppliedRate, type Breakdown } from "../services/payment/tax/breakdown.ts";
import { priceKinds } from "../services/payment/tax/charge.ts";
import { parseRate } from "../services/payment/tax/rate.ts";
import { roundingModes, roundingScopes } from "../services/payment/tax/rounding.ts";

const place = { country: "DE", evidence: [], contradicting: [], sufficient: false };
const rates = ["0", "5", "7", "8.1", "9.975", "19", "25.5", "100"].map(parseRate);
const rounding = fc.record({ scope: fc.constantFrom(...roundingScopes), mode: fc.constantFrom(...roundingModes) });

const line = fc.record({
  unit: fc.oneof(fc.bigInt(0n, 5_000n), fc.bigInt(0n, 99_999_999_999n)),
  quantity: fc.oneof(fc.bigInt(1n, 12n), fc.bigInt(1n, 9_999_999_999n)),
  rate: fc.constantFrom(...rates),
});
/** Whatever somebody may put together, in currencies with and without cents. */
export const baskets = fc.record({
  currency: fc.constantFrom<Currency>("EUR", "USD", "JPY", "HUF"),
  prices: fc.constantFrom(...priceKinds),
  rounding,
  items: fc.array(line, { minLength: 1, maxLength: 8 }),
  shipping: fc.option(line),
  /** How much of the items is taken off, in thousandths. */
  off: fc.oneof(fc.constant(0n), fc.bigInt(0n, 1000n)),
});

export type Made = typeof baskets extends fc.Arbitrary<infer T> ? T : never;

/** The breakdown of such a basket. */
export function broken(basket: Made): Breakdown {
  const { currency, prices, items, shipping, off } = basket;
  const lines = [
    ...items.map(({ unit, quantity }) => ({ kind: "item" as const, name: "thing", sku: null, quantity, unit, category: "standard" })),
    ...(shipping
      ? [{ kind: "shipping" as const, name: "Shipping", sku: null, quantity: 1n, unit: shipping.unit, category: "standard" }]
      : []),
  ];
  const sum = items.reduce((total, { unit, quantity }) => total + unit * quantity, 0n);
  const applied = [...items, ...(shipping ? [shipping] : [])].map(({ rate }): AppliedRate => ({ rate, treatment: "standard", from: null }));
  const parsed = { currency, prices, rounding: basket.rounding, date: "2026-01-01", lines, discount: (sum * off) / 1000n };
  return reckon(parsed, applied, { place, vatId: null });
}
