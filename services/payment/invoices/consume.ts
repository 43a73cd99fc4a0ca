import type { DomainEvent, EventMap, EventType } from "../../../config/events.ts";
import type { Subscription } from "../../../mixins/consumer.ts";
import type { Em } from "../../../mixins/database.ts";
import { creditCollected, invoiceCaptured, invoiceRefunded, type Log } from "./automatic.ts";
import { creditRenewed, invoiceRenewed } from "./subscribed.ts";

/** Invoices that make themselves; each event makes what it makes once, however often it comes. */
export function invoiceSubscriptions(log: Log): Subscription[] {
  const on = <T extends EventType>(
    name: string,
    type: T,
    work: (em: Em, data: EventMap[T], log: Log, eventId: string) => Promise<void>,
  ): Subscription => ({
    name,
    type,
    concurrency: 4,
    commit: (em, event) => work(em, (event as DomainEvent<T>).data, log, event.id),
  });
  return [
    on("invoice-captured", "payment.captured", invoiceCaptured),
    on("invoice-refunded", "payment.refunded", invoiceRefunded),
    on("invoice-renewed", "subscription.renewed", invoiceRenewed),
    on("credit-collected", "invoice.refunded", creditCollected),
    on("credit-renewed", "subscription.refunded", creditRenewed),
  ];
}
