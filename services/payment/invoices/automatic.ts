import type { EventMap } from "../../../config/events.ts";
import { failureType, messageOf } from "../../../config/errors.ts";
import { Invoice, type InvoiceRow } from "../../../entities/Invoice.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import type { Em } from "../../../mixins/database.ts";
import { lockPayment } from "../claim.ts";
import { formatAmount, parseAmount, type Currency } from "../money.ts";
import { readSeller } from "../seller/seller.ts";
import { saleOf } from "../tax/sale.ts";
import { creditInvoice } from "./credit.ts";
import { draftInvoice, lockInvoice } from "./drafts.ts";
import { issueInvoice, payInvoice } from "./issue.ts";
import { takes } from "./state.ts";

export interface Log {
  warn(line: string): void;
}

const self = "service:payment";

/**
 * The invoice of a payment of which all that it says has been captured: paid, if there is one already; else, of one that is captured whole, made of what the
 * payment says it is for, where the seller's settings want that. What can't be issued for want of the seller's data stays a draft. The payment's row keeps others off meanwhile.
 */
async function invoiceOf(em: Em, payment: PaymentRow, log: Log): Promise<InvoiceRow | null> {
  const { id: paymentId, tenantId, userId = null } = payment;
  const known = await em.findOne(Invoice, { paymentId, kind: "invoice" }, { orderBy: { createdAt: "desc" } });
  if (known?.status === "issued" && payment.capturedMinor >= known.grossMinor)
    return await payInvoice(em, known.id, self, payment.executedAt ?? new Date());
  if (known) return known;
  if (payment.capturedMinor < payment.amountMinor) return null;
  const seller = await readSeller(em, tenantId);
  if (!seller?.invoiceOnCapture || !saleOf(payment)?.buyer) return null;
  return await issueOrKeep(em, await draftInvoice(em, { tenantId, userId }, { paymentId }), log);
}

/** Issues a draft; it stays one while the seller's data lack something. */
export async function issueOrKeep(em: Em, draft: InvoiceRow, log: Log): Promise<InvoiceRow> {
  await em.flush();
  try {
    return await issueInvoice(em, draft.id, self);
  } catch (error) {
    if (failureType(error) !== "SELLER_INCOMPLETE") throw error;
    log.warn(`Invoice ${draft.id} stays a draft: ${messageOf(error)}`);
    return draft;
  }
}

export async function invoiceCaptured(em: Em, { paymentId }: EventMap["payment.captured"], log: Log): Promise<void> {
  const payment = await lockPayment(em, paymentId);
  if (payment) await invoiceOf(em, payment, log);
}

/** A credit note for what was given back, where invoices make themselves; no more than is left of the invoice. */
export async function invoiceRefunded(em: Em, { paymentId, refundId, refunded }: EventMap["payment.refunded"], log: Log): Promise<void> {
  const payment = await lockPayment(em, paymentId);
  if (!payment || !(await readSeller(em, payment.tenantId))?.invoiceOnCapture) return;
  // The capture's event may be behind this one.
  const invoice = await invoiceOf(em, payment, log);
  if (invoice) await creditGiven(em, invoice, { refundId, amount: refunded });
}

/** A credit note for what went back of an invoice that PayPal collects, where invoices make themselves. */
export async function creditCollected(em: Em, { invoiceId, refundId, refunded }: EventMap["invoice.refunded"]): Promise<void> {
  const invoice = await lockInvoice(em, invoiceId);
  if ((await readSeller(em, invoice.tenantId))?.invoiceOnCapture) await creditGiven(em, invoice, { refundId, amount: refunded });
}

/** A credit note for a refund, once; no more than is left of the invoice. @param given.amount decimal string */
export async function creditGiven(em: Em, invoice: InvoiceRow, given: { refundId: string; amount: string }): Promise<void> {
  const { refundId } = given;
  const { tenantId } = invoice;
  if (!takes(invoice, "credit") || (await em.findOne(Invoice, { tenantId, refundId }))) return;
  const currency = invoice.currency as Currency;
  const left = invoice.grossMinor - invoice.creditedMinor;
  const amount = parseAmount(given.amount, currency);
  await creditInvoice(em, invoice.id, { amount: formatAmount(amount < left ? amount : left, currency), refundId }, self);
}
