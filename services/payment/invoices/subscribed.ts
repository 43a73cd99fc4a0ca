import { LockMode } from "@mikro-orm/core";
import type { EventMap } from "../../../config/events.ts";
import { errors, failureType, messageOf, type Fault } from "../../../config/errors.ts";
import { Invoice, type InvoiceRow } from "../../../entities/Invoice.ts";
import { Plan } from "../../../entities/Plan.ts";
import { Subscription } from "../../../entities/Subscription.ts";
import { SubscriptionPayment, type SubscriptionPaymentRow } from "../../../entities/SubscriptionPayment.ts";
import type { Em } from "../../../mixins/database.ts";
import type { Currency } from "../money.ts";
import { readSeller } from "../seller/seller.ts";
import { basketOf, billingOf } from "../subscriptions/billing.ts";
import { creditGiven, issueOrKeep, type Log } from "./automatic.ts";
import { draftInvoice } from "./drafts.ts";

/** The payment, locked so that one at a time makes its invoice. */
const lockSale = (em: Em, subscriptionId: string, saleId: string): Promise<SubscriptionPaymentRow | null> =>
  em.findOne(SubscriptionPayment, { subscriptionId, saleId }, { lockMode: LockMode.PESSIMISTIC_WRITE });

/**
 * The invoice of a payment of a subscription that says who its invoices are for, where the seller's settings want that: of what was paid, with the tax
 * that is in it. What can't be issued for want of the seller's data stays a draft; what can't be reckoned even is none, and the log says what people have to mend.
 */
async function invoiceOf(
  em: Em,
  { tenantId, subscriptionId, saleId, ...sale }: SubscriptionPaymentRow,
  log: Log,
): Promise<InvoiceRow | null> {
  if (sale.status === "pending" || sale.status === "declined") return null;
  const known = await em.findOne(Invoice, { tenantId, saleId, kind: "invoice" }, { orderBy: { createdAt: "desc" } });
  if (known) return known;
  const subscription = await em.findOneOrFail(Subscription, { id: subscriptionId });
  const billing = billingOf(subscription);
  if (!billing || !(await readSeller(em, tenantId))?.invoiceOnCapture) return null;
  const { name } = await em.findOneOrFail(Plan, { id: subscription.planId });
  const date = sale.paidAt.toISOString().slice(0, 10);
  const paid = { amountMinor: sale.amountMinor, currency: sale.currency as Currency };
  const wish = { ...basketOf(billing, name, paid, date), buyer: billing.buyer, note: `Paid on ${date} by PayPal, transaction ${saleId}.` };
  const draft = await draftInvoice(em, { tenantId, userId: subscription.userId ?? null }, wish).catch(unlessOfPeople(saleId, log));
  if (!draft) return null;
  if (draft.grossMinor !== sale.amountMinor)
    throw errors.internal(`The invoice of the payment ${saleId} comes to another amount than was paid.`);
  em.assign(draft, { subscriptionId, saleId });
  return await issueOrKeep(em, draft, log);
}

/** What the seller or the buyer has said, or no longer says, is not mended by another try: the event ends without an invoice. */
const unlessOfPeople =
  (saleId: string, log: Log) =>
  (error: unknown): null => {
    if (!["SELLER_INCOMPLETE", "VALIDATION_FAILED"].includes(failureType(error))) throw error;
    const faults = (error as { data?: { faults?: Fault[] } }).data?.faults ?? [];
    const what = faults.map(({ pointer, detail }) => `${pointer} ${detail}`).join("; ");
    log.warn(`The payment ${saleId} of a subscription gets no invoice: ${what || messageOf(error)}`);
    return null;
  };

type Given<T extends "subscription.renewed" | "subscription.refunded"> = Pick<EventMap[T], "subscriptionId" | "payment">;

export async function invoiceRenewed(em: Em, { subscriptionId, payment }: Given<"subscription.renewed">, log: Log): Promise<void> {
  const sale = await lockSale(em, subscriptionId, payment.saleId);
  if (sale) await invoiceOf(em, sale, log);
}

/**
 * A credit note for what was given back of a payment, where invoices make themselves.
 * @param eventId stands in for the refund's id in events from before they had it
 */
export async function creditRenewed(
  em: Em,
  { subscriptionId, payment }: Given<"subscription.refunded">,
  log: Log,
  eventId: string,
): Promise<void> {
  const sale = await lockSale(em, subscriptionId, payment.saleId);
  if (!sale || !(await readSeller(em, sale.tenantId))?.invoiceOnCapture) return;
  // The payment's event may be behind this one.
  const invoice = await invoiceOf(em, sale, log);
  if (invoice) await creditGiven(em, invoice, { refundId: payment.refundId ?? eventId, amount: payment.amount });
}
