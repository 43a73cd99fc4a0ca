import { memberStates } from "./countries.ts";

/** Codes of UNTDID 5305 as EN 16931 uses them. */
export const treatmentCodes = { standard: "S", zero: "Z", exempt: "E", "reverse-charge": "AE", export: "G", outside: "O" } as const;
export type Treatment = keyof typeof treatmentCodes;
export type TreatmentCode = (typeof treatmentCodes)[Treatment];

/** Who sells to whom. Supplies are services: where goods cross a border, other rules hold, which are not known here. */
export interface Parties {
  seller: {
    country: string;
    /** Where it has to charge tax besides: countries outside the EU, for instance. */
    registrations: readonly string[];
    /** Whether it taxes consumers of other member states at home: below 10,000 euros a year it may (article 59c of Directive 2006/112/EC). */
    homeTaxed: boolean;
  };
  /** Where the customer is, as the evidence says. */
  country: string;
  /** Whether a VAT id was given that holds, of the customer's country. */
  business: boolean;
}

export type Judgement = { treatment: "standard"; country: string } | { treatment: "reverse-charge" | "export" | "outside" };

/** How a sale is treated: taxed in a country at its rate, or not taxed by the seller, and why. */
export function judge({ seller, country, business }: Parties): Judgement {
  if (country === seller.country) return { treatment: "standard", country };
  const registered = seller.registrations.includes(country);
  if (memberStates.has(seller.country) && memberStates.has(country)) {
    if (business) return { treatment: "reverse-charge" };
    // Through the one-stop shop a seller charges every member state's rate without being registered there.
    return { treatment: "standard", country: seller.homeTaxed && !registered ? seller.country : country };
  }
  if (registered) return { treatment: "standard", country };
  return { treatment: memberStates.has(seller.country) ? "export" : "outside" };
}

/** Why nothing is charged, as it has to stand on the invoice. */
export const reasons: Partial<Record<Treatment, { text: string; code: string | null }>> = {
  exempt: { text: "Exempt from VAT", code: null },
  "reverse-charge": { text: "Reverse charge: the recipient is liable for the VAT", code: "VATEX-EU-AE" },
  export: { text: "Supplied to a customer outside of the European Union, not taxable there by the seller", code: "VATEX-EU-G" },
  outside: { text: "Not subject to VAT", code: "VATEX-EU-O" },
};
