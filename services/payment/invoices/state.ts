import type { InvoiceStatus } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import type { InvoiceRow } from "../../../entities/Invoice.ts";

/**
 * What may be done to an invoice in which state. A draft is nobody's yet; an issued one is corrected by credit notes alone, and is void when they
 * have taken all of it back. A credit note is issued as it is made and stays so.
 */
const from = {
  revise: ["draft"],
  remove: ["draft"],
  issue: ["draft"],
  pay: ["issued"],
  credit: ["issued", "paid"],
  handOver: ["issued"],
  send: ["issued", "paid", "void"],
  download: ["issued", "paid", "void"],
} as const satisfies Record<string, readonly InvoiceStatus[]>;
export type InvoiceMove = keyof typeof from;
export const invoiceMoves = Object.keys(from) as InvoiceMove[];

const words: Record<InvoiceMove, string> = {
  revise: "changed",
  remove: "removed",
  issue: "issued",
  pay: "marked as paid",
  credit: "credited",
  handOver: "handed over to PayPal",
  send: "sent",
  download: "downloaded",
};

/** What is nothing for credit notes. */
const ofInvoices: ReadonlySet<InvoiceMove> = new Set<InvoiceMove>(["pay", "credit", "handOver"]);

/** Whether an invoice in this state takes the move. */
export const takes = ({ kind, status }: Pick<InvoiceRow, "kind" | "status">, move: InvoiceMove): boolean =>
  (from[move] as readonly InvoiceStatus[]).includes(status) && !(kind === "credit_note" && ofInvoices.has(move));

/** @throws INVOICE_STATE_CONFLICT */
export function assertTakes(invoice: Pick<InvoiceRow, "kind" | "status" | "id">, move: InvoiceMove): void {
  if (takes(invoice, move)) return;
  const { kind, status, id } = invoice;
  const what = kind === "credit_note" ? "A credit note" : "An invoice";
  throw errors.invoiceState(
    `${what} that is ${status} can't be ${words[move]}: ${kind === "credit_note" && ofInvoices.has(move) ? "only invoices can" : `it has to be ${from[move].join(" or ")}`}.`,
    { id, status },
  );
}
