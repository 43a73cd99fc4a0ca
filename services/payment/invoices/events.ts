import type { EventType } from "../../../config/events.ts";
import type { InvoiceRow } from "../../../entities/Invoice.ts";
import type { Em } from "../../../mixins/database.ts";
import { appendEvent } from "../../../mixins/events.ts";
import { formatAmount, type Currency } from "../money.ts";

/** Appends an event about an invoice in the transaction of the change. */
export async function tell(em: Em, invoice: InvoiceRow, type: EventType & `invoice.${string}`, actor: string): Promise<void> {
  const { id: invoiceId, tenantId, kind, status, currency, number, paymentId = null, subscriptionId = null, correctsId = null } = invoice;
  const amount = formatAmount(invoice.grossMinor, currency as Currency);
  const data = { invoiceId, kind, status, number: number!, amount, currency, paymentId, subscriptionId, correctsId };
  invoice.version = (await appendEvent(em, "payment", { tenantId, type, stream: `invoice:${invoiceId}`, data, actor })).version;
}
