import { errors, type Fault } from "../../../config/errors.ts";
import type { Em } from "../../../mixins/database.ts";
import { readSeller } from "../seller/seller.ts";
import { parseBasket, type Basket, type Customer, type ParsedBasket } from "./basket.ts";
import { reckon, type AppliedRate, type Breakdown } from "./breakdown.ts";
import { memberStates } from "./countries.ts";
import { decidePlace } from "./place.ts";
import { ratesAt } from "./rates.ts";
import { judge, type Judgement } from "./treatment.ts";
import { checkVatId, type CheckedVatId } from "./vatid.ts";

/**
 * What a basket costs the customer: where it is taxed and why, at which rates, and how the totals are made up.
 * @throws SELLER_INCOMPLETE, VALIDATION_FAILED naming every fault with pointers into the basket
 */
export async function quote(em: Em, tenantId: string, basket: Basket): Promise<Breakdown> {
  const seller = await readSeller(em, tenantId);
  if (!seller?.country)
    throw errors.sellerIncomplete("Tax can't be reckoned before it is known in which country the organisation sells: PUT /api/v1/seller.", {
      missing: ["country"],
    });
  const { prices, roundingScope: scope, roundingMode: mode } = seller;
  const parsed = parseBasket(basket, { prices, rounding: { scope, mode } });
  const { customer } = basket;
  const vatId = customer.vatId === undefined ? null : checkVatId(customer.vatId);
  const place = decidePlace({ ...customer, vatIdCountry: (vatId?.valid && vatId.country) || undefined });
  if (seller.requireEvidence && !place.sufficient) throw errors.invalid([evidenceLacks(customer)]);
  const judgement = judge({
    seller: { country: seller.country, registrations: seller.registrations, homeTaxed: seller.homeTaxed },
    country: place.country,
    business: isBusiness(vatId, place.country),
  });
  const rates = await ratesOf(em, parsed, judgement, place.country === customer.country ? customer.region : undefined);
  return reckon(parsed, rates, { place, vatId });
}

const isBusiness = (vatId: CheckedVatId | null, country: string) =>
  vatId?.valid === true && vatId.country === country && memberStates.has(country);

const evidenceLacks = ({ country }: Customer): Fault => ({
  pointer: "/customer",
  detail: `must have two pieces of evidence of one place: beside country ${country} a VAT id, ipCountry, bankCountry or phoneCountry that say the same`,
});

/** The rate of each line. @throws VALIDATION_FAILED naming every category that has none */
async function ratesOf(em: Em, { lines, date }: ParsedBasket, judgement: Judgement, region: string | undefined): Promise<AppliedRate[]> {
  const { treatment } = judgement;
  if (treatment !== "standard") return lines.map(() => ({ rate: 0n, treatment, from: null }));
  const { country } = judgement;
  const found = await ratesAt(em, { country, region }, [...new Set(lines.map(({ category }) => category))], date);
  const faults: Fault[] = [];
  const rates = lines.map(({ category, kind }, index): AppliedRate => {
    if (category === "zero" || category === "exempt") return { rate: 0n, treatment: category, from: null };
    const applied = found.get(category);
    if (applied) return { ...applied, treatment };
    faults.push({
      pointer: kind === "shipping" ? "/shipping/taxCategory" : `/items/${index}/taxCategory`,
      detail: `must have a rate in ${country} on ${date}; there is none for "${category}": POST /api/v1/tax/rates`,
    });
    return { rate: 0n, treatment, from: null };
  });
  if (faults.length) throw errors.invalid(faults);
  return rates;
}
