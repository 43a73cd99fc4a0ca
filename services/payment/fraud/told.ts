import type { SaleWish } from "../tax/sale.ts";
import type { Subject } from "./assess.ts";
import type { Payer } from "./payer.ts";

/** What a payment's maker has told that rules look at: the countries also as evidence for the tax. */
export function told({
  payer,
  customer,
  items,
}: Pick<SaleWish, "customer" | "items"> & { payer?: Payer }): Pick<Subject, "payer" | "items"> {
  const { country, ipCountry } = customer ?? {};
  return {
    payer: { ...(country !== undefined && { country }), ...(ipCountry !== undefined && { ipCountry }), ...payer },
    items: items ? { lines: items.length, quantity: items.reduce((sum, { quantity }) => sum + quantity, 0) } : null,
  };
}
