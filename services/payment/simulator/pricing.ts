import { type Amount, minorOf } from "./amounts.ts";
import { refused } from "./replies.ts";

interface Tier {
  starting_quantity?: string;
  ending_quantity?: string;
  amount?: Amount;
}

/** What one cycle costs: a price for one, or tiers by quantity. */
export interface PricingScheme {
  fixed_price?: Amount;
  /** VOLUME: all units at the price of the tier they reach. TIERED: each unit at its own tier's price. */
  pricing_model?: "VOLUME" | "TIERED";
  tiers?: Tier[];
}

export interface Frequency {
  interval_unit: "DAY" | "WEEK" | "MONTH" | "YEAR";
  interval_count?: number;
}

/** @throws Refused as PayPal refuses a scheme. */
export function demandScheme({ fixed_price, pricing_model, tiers }: PricingScheme, takesQuantity: boolean): void {
  if (fixed_price && (pricing_model || tiers))
    throw refused("FIXED_PRICE_NOT_SUPPORTED", "A fixed price goes with neither a pricing model nor tiers.");
  if (tiers && !pricing_model) throw refused("INVALID_PRICING_MODEL", "Tiers need the pricing model VOLUME or TIERED.");
  if (!pricing_model) return;
  if (pricing_model !== "VOLUME" && pricing_model !== "TIERED") throw refused("INVALID_PRICING_MODEL");
  if (!tiers?.length) throw refused("MISSING_PRICING_SCHEME_TIERS", "Pricing tiers are required for this pricing model.");
  if (!takesQuantity) throw refused("INVALID_QUANTITY_SUPPORTED", "Tiers need a plan with quantity_supported.");
  if (tiers.length > 32) throw refused("INVALID_PRICING_TIER_QUANTITY", "There are at most 32 tiers.");
  let next = 1n;
  tiers.forEach((tier, index) => {
    if (!tier.amount || minorOf(tier.amount) < 0n) throw refused("INVALID_PRICING_TIER_AMOUNT");
    if (tier.amount.currency_code !== tiers[0]!.amount!.currency_code) throw refused("CURRENCY_MISMATCH");
    const from = BigInt(tier.starting_quantity ?? 0);
    if (from < next && index > 0) throw refused("OVERLAPPING_PRICING_SCHEME_TIERS");
    const isLast = index === tiers.length - 1;
    const to = tier.ending_quantity === undefined ? null : BigInt(tier.ending_quantity);
    if (from !== next || (to === null && !isLast) || (to !== null && to < from)) throw refused("INVALID_PRICING_TIER_QUANTITY");
    next = (to ?? from) + 1n;
  });
}

export const currencyOf = (scheme: PricingScheme): string | undefined =>
  scheme.fixed_price?.currency_code ?? scheme.tiers?.[0]?.amount?.currency_code;

/** What so many units cost, in minor units. */
export function priceOf(scheme: PricingScheme | undefined, quantity: bigint): bigint {
  if (!scheme) return 0n;
  if (scheme.fixed_price) return minorOf(scheme.fixed_price) * quantity;
  let [sum, counted] = [0n, 0n];
  for (const { amount, starting_quantity, ending_quantity } of scheme.tiers ?? []) {
    const to = ending_quantity === undefined ? quantity : BigInt(ending_quantity);
    if (scheme.pricing_model === "VOLUME") {
      if (quantity >= BigInt(starting_quantity!) && quantity <= to) return minorOf(amount!) * quantity;
    } else {
      const here = (quantity < to ? quantity : to) - counted;
      if (here <= 0n) break;
      sum += minorOf(amount!) * here;
      counted += here;
    }
  }
  return sum;
}

const day = 86_400_000;

/** One interval later, in UTC. Months and years keep the day of the anchor where the month has it, and end with the month where not. */
export function oneIntervalAfter(at: number, { interval_unit, interval_count = 1 }: Frequency, anchor: number): number {
  if (interval_unit === "DAY") return at + interval_count * day;
  if (interval_unit === "WEEK") return at + interval_count * 7 * day;
  const date = new Date(at);
  date.setUTCDate(1);
  date.setUTCMonth(date.getUTCMonth() + interval_count * (interval_unit === "YEAR" ? 12 : 1));
  const lastDay = new Date(Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 0)).getUTCDate();
  date.setUTCDate(Math.min(new Date(anchor).getUTCDate(), lastDay));
  return date.getTime();
}
