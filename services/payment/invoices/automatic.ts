import type { DomainEvent, EventMap, EventType } from "../../../config/events.ts";
import { failureType, messageOf } from "../../../config/errors.ts";
import { Invoice, type InvoiceRow } from "../../../entities/Invoice.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import type { Subscription } from "../../../mixins/consumer.ts";
import type { Em } from "../../../mixins/database.ts";
import { lockPayment } from "../claim.ts";
import { formatAmount, parseAmount, type Currency } from "../money.ts";
import { readSeller } from "../seller/seller.ts";
import { saleOf } from "../tax/sale.ts";
import { creditInvoice } from "./credit.ts";
import { draftInvoice } from "./drafts.ts";
import { issueInvoice, payInvoice } from "./issue.ts";
import { takes } from "./state.ts";

interface Log {
  warn(line: string): void;
}

const self = "service:payment";

/**
 * The invoice of a payment that has been captured whole: paid, if there is one already; else made of what the payment says it is for, where the
 * seller's settings want that. What can't be issued for want of the seller's data stays a draft. The payment's row keeps others off meanwhile.
 */
async function invoiceOf(em: Em, payment: PaymentRow, log: Log): Promise<InvoiceRow | null> {
  if (payment.capturedMinor < payment.amountMinor) return null;
  const { id: paymentId, tenantId, userId = null } = payment;
  const known = await em.findOne(Invoice, { paymentId, kind: "invoice" }, { orderBy: { createdAt: "desc" } });
  if (known) return known.status === "issued" ? await payInvoice(em, known.id, self, payment.executedAt ?? new Date()) : known;
  const seller = await readSeller(em, tenantId);
  if (!seller?.invoiceOnCapture || !saleOf(payment)?.buyer) return null;
  const draft = await draftInvoice(em, { tenantId, userId }, { paymentId });
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
  if (!invoice || !takes(invoice, "credit") || (await em.findOne(Invoice, { refundId }))) return;
  const currency = invoice.currency as Currency;
  const left = invoice.grossMinor - invoice.creditedMinor;
  const given = parseAmount(refunded, currency);
  await creditInvoice(em, invoice.id, { amount: formatAmount(given < left ? given : left, currency), refundId }, self);
}

/** Invoices that make themselves; each event makes what it makes once, however often it comes. */
export function invoiceSubscriptions(log: Log): Subscription[] {
  const on = <T extends EventType>(name: string, type: T, work: (em: Em, data: EventMap[T], log: Log) => Promise<void>): Subscription => ({
    name,
    type,
    concurrency: 4,
    commit: (em, event) => work(em, (event as DomainEvent<T>).data, log),
  });
  return [on("invoice-captured", "payment.captured", invoiceCaptured), on("invoice-refunded", "payment.refunded", invoiceRefunded)];
}
