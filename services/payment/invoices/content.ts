import type { SellerRow } from "../../../entities/Seller.ts";
import type { Breakdown } from "../tax/breakdown.ts";

/** The seller as the invoice names it: as it was on the day of issue, whatever it says of itself later. */
export interface SellerParty {
  name: string;
  street: string;
  postcode: string;
  city: string;
  country: string;
  vatId: string | null;
  taxNumber: string | null;
  email: string | null;
  phone: string | null;
  iban: string | null;
  bic: string | null;
}

export interface BuyerParty {
  name: string;
  street: string | null;
  postcode: string | null;
  city: string | null;
  country: string;
  vatId: string | null;
  email: string | null;
  /** What the buyer wants to find it by. */
  reference: string | null;
}

/** What an invoice says besides its number and its dates. */
export interface Content {
  /** Null in a draft. */
  seller: SellerParty | null;
  buyer: BuyerParty;
  breakdown: Breakdown;
  note: string | null;
  /** What was paid before it was issued, minor units. */
  prepaidMinor: bigint;
  /** A credit note's invoice. */
  corrects: { number: string; issueDate: string } | null;
}

/** @param seller nothing of which is missing */
export function sellerParty(seller: SellerRow): SellerParty {
  const {
    name,
    street,
    postcode,
    city,
    country,
    vatId = null,
    taxNumber = null,
    email = null,
    phone = null,
    iban = null,
    bic = null,
  } = seller;
  return {
    ...{ name: name!, street: street!, postcode: postcode!, city: city!, country: country! },
    ...{ vatId, taxNumber, email, phone, iban, bic },
  };
}
