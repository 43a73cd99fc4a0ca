/** What says where a customer is. All ISO 3166-1 alpha-2. */
export interface PlaceFacts {
  /** Of the billing address. */
  country: string;
  /** Of a valid VAT id. */
  vatIdCountry?: string | undefined;
  /** Of the network address that the order came from. */
  ipCountry?: string | undefined;
  /** Of the bank or the card's issuer. */
  bankCountry?: string | undefined;
  /** Of the telephone number. */
  phoneCountry?: string | undefined;
}

export interface Evidence {
  kind: "billing" | "vat-id" | "ip" | "bank" | "phone";
  country: string;
}

/** Where a service is taxed, and by what that is known. */
export interface Place {
  country: string;
  evidence: Evidence[];
  /** Pieces that name another country. */
  contradicting: Evidence[];
  /** Whether two pieces say so that do not contradict each other (Council Implementing Regulation 282/2011, article 24b and 24f). */
  sufficient: boolean;
}

/** The country that most pieces name, the billing address deciding between equals. A valid VAT id decides alone: the recipient of a business is where it is registered. */
export function decidePlace(facts: PlaceFacts): Place {
  const given: [Evidence["kind"], string | undefined][] = [
    ["billing", facts.country],
    ["vat-id", facts.vatIdCountry],
    ["ip", facts.ipCountry],
    ["bank", facts.bankCountry],
    ["phone", facts.phoneCountry],
  ];
  const evidence = given.flatMap(([kind, country]) => (country === undefined ? [] : [{ kind, country }]));
  const naming = (country: string) => evidence.filter((piece) => piece.country === country).length;
  const most = evidence.reduce((best, { country }) => (naming(country) > naming(best) ? country : best), facts.country);
  const country = facts.vatIdCountry ?? most;
  return {
    country,
    evidence,
    contradicting: evidence.filter((piece) => piece.country !== country),
    sufficient: naming(country) >= 2,
  };
}
