import type { InvoiceKind } from "../../../config/states.ts";
import type { InvoiceRow } from "../../../entities/Invoice.ts";
import { restore } from "../tax/stored.ts";
import type { Content, SellerParty } from "./content.ts";

/** An issued invoice or credit note: all that its documents say. */
export interface Issued extends Omit<Content, "seller"> {
  kind: InvoiceKind;
  number: string;
  /** YYYY-MM-DD. */
  issueDate: string;
  /** Null for credit notes. */
  dueDate: string | null;
  issuedAt: Date;
  seller: SellerParty;
}

/** @param invoice that is no draft */
export function issuedOf(invoice: InvoiceRow): Issued {
  const { kind, number, issueDate, dueDate = null, issuedAt } = invoice;
  const { seller, ...content } = restore<Content>(invoice.content);
  return { ...content, kind, number: number!, issueDate: issueDate!, dueDate, issuedAt: issuedAt!, seller: seller! };
}
