import { rows, type Em } from "../../../mixins/database.ts";
import type { Currency } from "../money.ts";
import type { IntervalUnit } from "../plans/terms.ts";

/** Monthly recurring revenue in one currency. */
export interface Mrr {
  currency: Currency;
  amountMinor: bigint;
  subscriptions: number;
}

/** Paid intervals a month, as a fraction: a year has 12 months, 52 weeks, 365 days. */
const perMonth: Record<IntervalUnit, readonly [bigint, bigint]> = { day: [365n, 12n], week: [52n, 12n], month: [1n, 1n], year: [1n, 12n] };

export interface Regular {
  currency: Currency;
  unit: IntervalUnit;
  unitCount: number;
  /** Sum of what their payments come to, in minor units. */
  sum: bigint;
  subscriptions: number;
}

/** Adds up what comes in a month, exactly, and rounds once per currency: to the nearest minor unit, halves up. */
export function monthly(groups: Regular[]): Mrr[] {
  const found = new Map<Currency, { numerator: bigint; denominator: bigint; subscriptions: number }>();
  for (const { currency, unit, unitCount, sum, subscriptions } of groups) {
    const [times, of] = perMonth[unit];
    const [numerator, denominator] = [sum * times, of * BigInt(unitCount)];
    const known = found.get(currency) ?? { numerator: 0n, denominator: 1n, subscriptions: 0 };
    found.set(currency, {
      numerator: known.numerator * denominator + numerator * known.denominator,
      denominator: known.denominator * denominator,
      subscriptions: known.subscriptions + subscriptions,
    });
  }
  return [...found]
    .map(([currency, { numerator, denominator, subscriptions }]) => ({
      currency,
      amountMinor: (2n * numerator + denominator) / (2n * denominator),
      subscriptions,
    }))
    .sort((one, other) => (one.currency < other.currency ? -1 : 1));
}

/**
 * Monthly recurring revenue at a moment, per currency: of subscriptions whose trials were over, that had not ended, and that are not suspended since before.
 * Prices and quantities are those of today, since the mirror keeps no earlier ones; without tax and setup fees that a plan adds.
 */
export async function mrr(em: Em, tenantId: string, at: Date): Promise<Mrr[]> {
  const groups = await rows<Omit<Regular, "sum"> & { sum: string }>(
    em,
    `select currency, unit, unit_count as "unitCount", sum(cycle_minor)::text as sum, count(*)::int as subscriptions from payment.subscriptions
     where tenant_id = ? and paying_since <= ? and (ended_at is null or ended_at > ?) and (suspended_at is null or suspended_at > ?)
     group by 1, 2, 3`,
    [tenantId, ...Array<string>(3).fill(at.toISOString())],
  );
  return monthly(groups.map((group) => ({ ...group, sum: BigInt(group.sum) })));
}
