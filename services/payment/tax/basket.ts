import { errors, type Fault } from "../../../config/errors.ts";
import { amountFaults, isCurrency, largestAmount, parseAmount, type Currency } from "../money.ts";
import { isCountry } from "./countries.ts";
import type { PriceKind } from "./charge.ts";
import type { Rounding, RoundingMode, RoundingScope } from "./rounding.ts";

/** What is sold, as a caller says it. Amounts are decimal strings in the currency's own precision. */
export interface Basket {
  currency: string;
  items: { name: string; sku?: string; quantity: number; unitAmount: string; taxCategory?: string }[];
  shipping?: { amount: string; taxCategory?: string };
  /** Taken off the items, not off the shipping; with tax or without, as the prices are. */
  discount?: string;
  /** Left out: as the seller has it. */
  prices?: PriceKind;
  rounding?: { scope?: RoundingScope; mode?: RoundingMode };
  customer: Customer;
  /** When it is supplied, YYYY-MM-DD; today when left out. */
  date?: string;
}

export interface Customer {
  /** Of the billing address. */
  country: string;
  region?: string;
  vatId?: string;
  ipCountry?: string;
  bankCountry?: string;
  phoneCountry?: string;
}

/** Usual category of what is sold; others are rows of the table of rates, but for `zero` and `exempt`. */
export const usualCategory = "standard";

export interface ParsedLine {
  kind: "item" | "shipping";
  name: string;
  sku: string | null;
  quantity: bigint;
  /** Minor units of one, as priced. */
  unit: bigint;
  category: string;
}

export interface ParsedBasket {
  currency: Currency;
  lines: ParsedLine[];
  discount: bigint;
  prices: PriceKind;
  rounding: Rounding;
  date: string;
}

/**
 * Reads the amounts of a basket.
 * @throws VALIDATION_FAILED naming every fault, with pointers into the basket
 */
export function parseBasket(basket: Basket, usual: { prices: PriceKind; rounding: Rounding }): ParsedBasket {
  const { currency, items, shipping, discount } = basket;
  const faults: Fault[] = [];
  const read = (pointer: string, value: string): bigint => {
    const wrong = amountFaults(value, currency).filter((fault) => fault.pointer === "/amount");
    faults.push(...wrong.map(({ detail }) => ({ pointer, detail })));
    return wrong.length || !isCurrency(currency) ? 0n : parseAmount(value, currency);
  };
  faults.push(...amountFaults("0", currency).filter(({ pointer }) => pointer === "/currency"));
  const lines = items.map(({ name, sku = null, quantity, unitAmount, taxCategory = usualCategory }, index): ParsedLine => ({
    ...{ kind: "item", name, sku, quantity: BigInt(quantity), category: taxCategory },
    unit: read(`/items/${index}/unitAmount`, unitAmount),
  }));
  const sum = lines.reduce((total, { quantity, unit }) => total + quantity * unit, 0n);
  if (shipping) {
    const unit = read("/shipping/amount", shipping.amount);
    lines.push({ kind: "shipping", name: "Shipping", sku: null, quantity: 1n, unit, category: shipping.taxCategory ?? usualCategory });
  }
  const off = discount === undefined ? 0n : read("/discount", discount);
  const largest = isCurrency(currency) ? largestAmount(currency) : 0n;
  if (faults.length === 0 && sum + (shipping ? lines.at(-1)!.unit : 0n) > largest)
    faults.push({ pointer: "/items", detail: "come to more than PayPal takes in one payment" });
  if (faults.length === 0 && off > sum) faults.push({ pointer: "/discount", detail: "must not be more than the items together" });
  for (const name of ["country", "ipCountry", "bankCountry", "phoneCountry"] as const) {
    const country = basket.customer[name];
    if (country !== undefined && !isCountry(country))
      faults.push({ pointer: `/customer/${name}`, detail: `must be a country of ISO 3166-1; "${country.slice(0, 2)}" is none` });
  }
  if (faults.length || !isCurrency(currency)) throw errors.invalid(faults);
  return {
    currency,
    lines,
    discount: off,
    prices: basket.prices ?? usual.prices,
    rounding: { ...usual.rounding, ...basket.rounding },
    date: basket.date ?? new Date().toISOString().slice(0, 10),
  };
}
