import { formatAmount, type Currency } from "../money.ts";
import type { Breakdown, BreakdownLine, RateSource, TaxGroup } from "./breakdown.ts";
import type { PriceKind } from "./charge.ts";
import type { Place } from "./place.ts";
import type { Rounding } from "./rounding.ts";
import type { TreatmentCode } from "./treatment.ts";
import type { CheckedVatId } from "./vatid.ts";

interface ShownAmounts {
  net: string;
  tax: string;
  gross: string;
}

/** A breakdown as callers see it: decimal strings in the currency's own precision. */
export interface ShownBreakdown extends ShownAmounts {
  currency: string;
  prices: PriceKind;
  rounding: Rounding;
  date: string;
  discount: string;
  lines: (ShownAmounts & {
    kind: "item" | "shipping";
    name: string;
    sku: string | null;
    quantity: number;
    unitAmount: string;
    discount: string;
    category: string;
    code: TreatmentCode;
    percent: string;
    rate: RateSource | null;
  })[];
  /** All lines of one code and rate; `reason` says why no tax is charged where that has to be said. */
  groups: (ShownAmounts & { code: TreatmentCode; percent: string; reason: string | null })[];
  place: Place;
  vatId: CheckedVatId | null;
}

export function showBreakdown(breakdown: Breakdown): ShownBreakdown {
  const { currency, prices, rounding, date, lines, groups, discountMinor, place, vatId } = breakdown;
  const shown = (minor: bigint) => formatAmount(minor, currency);
  return {
    ...{ currency, prices, rounding, date, place, vatId },
    ...amountsOf(breakdown, currency),
    discount: shown(discountMinor),
    lines: lines.map((line: BreakdownLine) => {
      const { kind, name, sku, category, code, percent, rate } = line;
      return {
        ...{ kind, name, sku, category, code, percent, rate },
        ...amountsOf(line, currency),
        quantity: Number(line.quantity),
        unitAmount: shown(line.unitMinor),
        discount: shown(line.discountMinor),
      };
    }),
    groups: groups.map((group: TaxGroup) => {
      const { code, percent, reason } = group;
      return { code, percent, reason: reason?.text ?? null, ...amountsOf(group, currency) };
    }),
  };
}

const amountsOf = ({ netMinor, taxMinor, grossMinor }: Pick<TaxGroup, "netMinor" | "taxMinor" | "grossMinor">, currency: Currency) => ({
  net: formatAmount(netMinor, currency),
  tax: formatAmount(taxMinor, currency),
  gross: formatAmount(grossMinor, currency),
});
