import type { Currency } from "../money.ts";
import type { ParsedBasket, ParsedLine } from "./basket.ts";
import { charge, sumOf, type Charged, type PriceKind, type Taxable } from "./charge.ts";
import type { Place } from "./place.ts";
import { formatRate, type Rate } from "./rate.ts";
import { allocate, type Rounding } from "./rounding.ts";
import { reasons, treatmentCodes, type Treatment, type TreatmentCode } from "./treatment.ts";
import type { CheckedVatId } from "./vatid.ts";

/** The row of the table of rates that was used: what was reckoned can be reckoned again. */
export interface RateSource {
  id: string;
  version: number;
  source: string;
  /** YYYY-MM-DD. */
  validFrom: string;
}

export interface AppliedRate {
  rate: Rate;
  treatment: Treatment;
  /** Null where no row says it: reverse charge, zero, exempt. */
  from: RateSource | null;
}

/** Minor units; net + tax = gross. */
export interface Amounts {
  netMinor: bigint;
  taxMinor: bigint;
  grossMinor: bigint;
}

export interface BreakdownLine extends Amounts {
  kind: ParsedLine["kind"];
  name: string;
  sku: string | null;
  quantity: bigint;
  /** As priced: with tax or without. */
  unitMinor: bigint;
  /** This line's share of the discount, as priced. */
  discountMinor: bigint;
  /** Without tax, before the discount. */
  listNetMinor: bigint;
  category: string;
  code: TreatmentCode;
  /** "19", "25.5". */
  percent: string;
  rate: RateSource | null;
}

/** All lines of one code and rate. */
export interface TaxGroup extends Amounts {
  code: TreatmentCode;
  percent: string;
  /** Why no tax is charged, where that has to be said. */
  reason: { text: string; code: string | null } | null;
}

/** What a basket costs and how that is made up; all of it exact. */
export interface Breakdown extends Amounts {
  currency: Currency;
  prices: PriceKind;
  rounding: Rounding;
  date: string;
  lines: BreakdownLine[];
  groups: TaxGroup[];
  /** As priced. */
  discountMinor: bigint;
  place: Place;
  vatId: CheckedVatId | null;
}

/**
 * Reckons a basket. However it is rounded: the lines add up to the groups, the groups to the totals, and net + tax = gross everywhere.
 * @param rates of each line
 */
export function reckon(
  { lines, discount, currency, prices, rounding, date }: ParsedBasket,
  rates: readonly AppliedRate[],
  known: Pick<Breakdown, "place" | "vatId">,
): Breakdown {
  const full = lines.map(({ quantity, unit }) => quantity * unit);
  const discounts = allocate(
    discount,
    full.map((amount, index) => (lines[index]!.kind === "item" ? amount : 0n)),
  );
  const taxable = (amount: bigint, index: number): Taxable => {
    const { rate, treatment } = rates[index]!;
    return { amount, rate, group: `${codeOf(treatment, rate)} ${rate}` };
  };
  const listed = charge(full.map(taxable), prices, rounding);
  const charged = charge(
    full.map((amount, index) => taxable(amount - discounts[index]!, index)),
    prices,
    rounding,
  );
  const shown = lines.map(({ unit, ...line }, index): BreakdownLine => {
    const { rate, treatment, from } = rates[index]!;
    return {
      ...line,
      ...{ unitMinor: unit, discountMinor: discounts[index]!, listNetMinor: listed[index]!.net, ...amountsOf(charged[index]!) },
      ...{ code: codeOf(treatment, rate), percent: formatRate(rate), rate: from },
    };
  });
  return {
    ...{ currency, prices, rounding, date, lines: shown, groups: groupsOf(shown, rates), ...amountsOf(sumOf(charged)) },
    discountMinor: discount,
    ...known,
  };
}

/** A standard rate of nothing is "zero rated" to EN 16931 (BR-S-05). */
const codeOf = (treatment: Treatment, rate: Rate): TreatmentCode =>
  treatment === "standard" && rate === 0n ? "Z" : treatmentCodes[treatment];

const amountsOf = ({ net, tax, gross }: Charged): Amounts => ({ netMinor: net, taxMinor: tax, grossMinor: gross });

function groupsOf(lines: readonly BreakdownLine[], rates: readonly AppliedRate[]): TaxGroup[] {
  const groups = new Map<string, TaxGroup>();
  lines.forEach(({ code, percent, netMinor, taxMinor, grossMinor }, index) => {
    const reason = reasons[rates[index]!.treatment] ?? null;
    const group = groups.get(`${code} ${percent}`) ?? { code, percent, reason, netMinor: 0n, taxMinor: 0n, grossMinor: 0n };
    group.netMinor += netMinor;
    group.taxMinor += taxMinor;
    group.grossMinor += grossMinor;
    groups.set(`${code} ${percent}`, group);
  });
  return [...groups.values()];
}
