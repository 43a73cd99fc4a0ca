import type { Fault } from "../../../config/errors.ts";
import { amountFaults, currencies, isCurrency, parseAmount, type Currency } from "../money.ts";

export const intervalUnits = ["day", "week", "month", "year"] as const;
export type IntervalUnit = (typeof intervalUnits)[number];
/** volume: all units cost what the tier of the whole quantity says; tiered: each unit what its own tier says. */
export const pricingModels = ["volume", "tiered"] as const;

export interface Tier {
  from: number;
  /** Absent in the last. */
  to?: number;
  /** Decimal string, per unit. */
  amount: string;
}

/** A stretch of a subscription with one price. */
export interface Cycle {
  tenure: "trial" | "regular";
  /** A payment every `count` units. */
  unit: IntervalUnit;
  count: number;
  /** How many payments; 0 in a regular cycle: without end. */
  total: number;
  /** Decimal string; absent in a free trial and with tiers. */
  price?: string;
  model?: (typeof pricingModels)[number];
  tiers?: Tier[];
}

/** What a plan says about money and time. */
export interface Terms {
  currency: Currency;
  /** Trials, then the one regular cycle. */
  cycles: Cycle[];
  setupFee?: string;
  /** What happens to a subscription whose setup fee can't be taken. */
  setupFeeFailure: "cancel" | "continue";
  /** Decimal string, 0 to 100. */
  taxPercentage?: string;
  /** Whether prices contain the tax. */
  taxInclusive: boolean;
  /** After how many failed payments PayPal suspends; 0: never. */
  failureThreshold: number;
  /** Whether PayPal adds what is outstanding to the next payment. */
  autoBillOutstanding: boolean;
  quantitySupported: boolean;
}

/** As a caller writes them. */
export interface NewTerms extends Omit<Partial<Terms>, "currency" | "cycles"> {
  currency: string;
  cycles: (Omit<Cycle, "total" | "count"> & { total?: number; count?: number })[];
}

/** PayPal's longest intervals. */
const longest: Record<IntervalUnit, number> = { day: 365, week: 52, month: 12, year: 1 };
const mostTrials = 2;
const mostTiers = 32;

/** Fills in what was left out. */
export const termsOf = ({ currency, cycles, ...rest }: NewTerms): Terms => ({
  currency: currency as Currency,
  cycles: cycles.map((cycle) => ({ ...cycle, count: cycle.count ?? 1, total: cycle.total ?? (cycle.tenure === "trial" ? 1 : 0) })),
  setupFeeFailure: "cancel",
  taxInclusive: true,
  failureThreshold: 3,
  autoBillOutstanding: true,
  quantitySupported: cycles.some(({ tiers }) => tiers !== undefined),
  ...Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined)),
});

/** Every reason why PayPal would not take these terms. */
export function termFaults(terms: Terms): Fault[] {
  const faults: Fault[] = [];
  const at = (pointer: string, detail: string) => void faults.push({ pointer, detail });
  const { currency, cycles, setupFee, taxPercentage, quantitySupported } = terms;
  if (!isCurrency(currency)) at("/currency", `must be one of ${currencies.join(", ")}`);

  const trials = cycles.filter(({ tenure }) => tenure === "trial");
  const regular = cycles.length - trials.length;
  if (trials.length > mostTrials) at("/cycles", `must have at most ${mostTrials} trials; ${trials.length} came`);
  if (regular !== 1) at("/cycles", `must have exactly one regular cycle; ${regular} came`);
  else if (cycles.at(-1)!.tenure !== "regular") at("/cycles", "must have the regular cycle after the trials");
  if (trials.filter(isFree).length > 1) at("/cycles", "must have at most one free trial");
  cycles.forEach((cycle, index) => faults.push(...cycleFaults(cycle, currency, quantitySupported, `/cycles/${index}`)));

  if (setupFee !== undefined) faults.push(...priceFaults(setupFee, currency, "/setupFee"));
  if (taxPercentage !== undefined && !(/^\d{1,3}(\.\d{1,5})?$/.test(taxPercentage) && Number(taxPercentage) <= 100))
    at("/taxPercentage", 'must be a decimal string between "0" and "100" with at most five decimals');
  return faults;
}

function cycleFaults(cycle: Cycle, currency: string, quantitySupported: boolean, pointer: string): Fault[] {
  const faults: Fault[] = [];
  const at = (member: string, detail: string) => void faults.push({ pointer: `${pointer}/${member}`, detail });
  const { tenure, unit, count, total, price, model, tiers } = cycle;
  if (count > longest[unit]) at("count", `must be at most ${longest[unit]} for ${unit}s; ${count} came`);
  if (tenure === "trial" && (total < 1 || total > 999)) at("total", `must be from 1 to 999 in a trial; ${total} came`);
  if (tenure === "regular" && (total < 0 || total > 999)) at("total", `must be from 0 to 999; ${total} came`);
  if (price !== undefined && tiers !== undefined) at("price", "must be left out where there are tiers");
  if (model !== undefined && tiers === undefined) at("model", "is for cycles with tiers");
  if (price !== undefined) faults.push(...priceFaults(price, currency, `${pointer}/price`));
  if (tiers !== undefined) {
    if (model === undefined) at("model", "must say how tiers are counted: volume or tiered");
    if (!quantitySupported) at("tiers", "need quantitySupported");
    faults.push(...tierFaults(tiers, currency, `${pointer}/tiers`));
  } else if (tenure === "regular" && isFree(cycle)) at("price", "must be more than zero in the regular cycle");
  return faults;
}

/** Tiers begin with 1 and follow one another without holes; the last is open. */
function tierFaults(tiers: Tier[], currency: string, pointer: string): Fault[] {
  const faults: Fault[] = [];
  if (tiers.length === 0 || tiers.length > mostTiers) faults.push({ pointer, detail: `must be 1 to ${mostTiers}; ${tiers.length} came` });
  tiers.forEach(({ from, to, amount }, index) => {
    const place = `${pointer}/${index}`;
    const before = tiers[index - 1];
    const wanted = before ? (before.to ?? 0) + 1 : 1;
    const isLast = index === tiers.length - 1;
    if (from !== wanted) faults.push({ pointer: `${place}/from`, detail: `must be ${wanted}, where the tier before ends; ${from} came` });
    if (isLast && to !== undefined) faults.push({ pointer: `${place}/to`, detail: "must be left out in the last tier" });
    if (!isLast && to === undefined) faults.push({ pointer: `${place}/to`, detail: "may be left out in the last tier alone" });
    if (to !== undefined && to < from) faults.push({ pointer: `${place}/to`, detail: `must not be less than ${from}; ${to} came` });
    faults.push(...priceFaults(amount, currency, `${place}/amount`));
  });
  return faults;
}

/** The faults of one amount; those of the currency are named once elsewhere. */
const priceFaults = (amount: string, currency: string, pointer: string): Fault[] =>
  amountFaults(amount, currency)
    .filter((fault) => fault.pointer === "/amount")
    .map(({ detail }) => ({ pointer, detail }));

export const isFree = ({ price, tiers }: Cycle) => tiers === undefined && (price === undefined || !/[1-9]/.test(price));

/** The regular cycle, which every plan has one of. */
export const regularOf = ({ cycles }: Terms): Cycle => cycles.at(-1)!;

/** What a payment of `quantity` units in a cycle comes to, in minor units. */
export function cycleAmount({ price, model, tiers }: Cycle, currency: Currency, quantity: number): bigint {
  if (!tiers) return parseAmount(price ?? "0", currency) * BigInt(quantity);
  const of = (tier: Tier) => parseAmount(tier.amount, currency);
  if (model === "volume") {
    const tier = tiers.find(({ to }) => to === undefined || quantity <= to) ?? tiers.at(-1)!;
    return of(tier) * BigInt(quantity);
  }
  return tiers.reduce((sum, tier) => {
    const units = Math.min(quantity, tier.to ?? quantity) - tier.from + 1;
    return units > 0 ? sum + of(tier) * BigInt(units) : sum;
  }, 0n);
}
