import type { EventMap, EventType, InvoiceFacts } from "../../../config/events.ts";
import type { InvoiceRow } from "../../../entities/Invoice.ts";
import type { Em } from "../../../mixins/database.ts";
import { appendEvent } from "../../../mixins/events.ts";
import { formatAmount, type Currency } from "../money.ts";

/** Appends an event about an invoice in the transaction of the change. @param more what this type tells besides */
export async function tell<T extends EventType & `invoice.${string}`>(
  em: Em,
  invoice: InvoiceRow,
  type: T,
  actor: string,
  ...[more]: InvoiceFacts extends EventMap[T] ? [] : [more: Omit<EventMap[T], keyof InvoiceFacts>]
): Promise<void> {
  const { id: invoiceId, tenantId, kind, status, currency, number, paymentId = null, subscriptionId = null, correctsId = null } = invoice;
  const amount = formatAmount(invoice.grossMinor, currency as Currency);
  const facts: InvoiceFacts = { invoiceId, kind, status, number: number!, amount, currency, paymentId, subscriptionId, correctsId };
  const data = { ...facts, ...more } as EventMap[T];
  invoice.version = (await appendEvent(em, "payment", { tenantId, type, stream: `invoice:${invoiceId}`, data, actor })).version;
}
