import { LockMode } from "@mikro-orm/core";
import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { Invoice, type InvoiceRow } from "../../../entities/Invoice.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { lockPayment } from "../claim.ts";
import { formatAmount, type Currency } from "../money.ts";
import type { Breakdown } from "../tax/breakdown.ts";
import { quote } from "../tax/quote.ts";
import { saleOf, type Sale, type SaleWish } from "../tax/sale.ts";
import { store } from "../tax/stored.ts";
import type { Buyer } from "./buyer.ts";
import type { BuyerParty, Content } from "./content.ts";
import { assertTakes } from "./state.ts";

export interface NewInvoice extends SaleWish {
  /** With items. */
  currency?: string;
  note?: string;
  /** The payment that it is for: what that was for when no items are named, else of the same total, or of what came of it when that is less and all. */
  paymentId?: string;
}

export const buyerParty = (buyer: Buyer, { vatId }: Pick<Breakdown, "vatId">, country: string): BuyerParty => ({
  name: buyer.name,
  street: buyer.street ?? null,
  postcode: buyer.postcode ?? null,
  city: buyer.city ?? null,
  country,
  vatId: vatId?.valid ? vatId.vatId : null,
  email: buyer.email ?? null,
  reference: buyer.reference ?? null,
});

const missing = (id: string) => errors.invoiceNotFound("There is no such invoice.", { id });

/** @throws INVOICE_NOT_FOUND, also for another organisation's */
export async function findInvoice(em: Em, id: string): Promise<InvoiceRow> {
  const invoice = await em.findOne(Invoice, { id });
  if (!invoice) throw missing(id);
  return invoice;
}

/** The invoice, locked until the transaction ends. @throws INVOICE_NOT_FOUND */
export async function lockInvoice(em: Em, id: string): Promise<InvoiceRow> {
  const invoice = await em.findOne(Invoice, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (!invoice) throw missing(id);
  return invoice;
}

/**
 * An invoice and the payment that it is for, locked until the transaction ends. The payment first, as for whatever makes invoices of captures: it can't be
 * captured meanwhile, and nobody waits for the other.
 * @throws INVOICE_NOT_FOUND, CONFLICT when the draft is made one of another payment at the same time
 */
export async function lockWithPayment(em: Em, id: string): Promise<{ invoice: InvoiceRow; payment: PaymentRow | null }> {
  const before = await row<{ paymentId: string | null }>(em, `select payment_id as "paymentId" from payment.invoices where id = ?`, [id]);
  const payment = before?.paymentId ? await lockPayment(em, before.paymentId) : null;
  const invoice = await lockInvoice(em, id);
  if ((invoice.paymentId ?? null) !== (payment?.id ?? null)) throw errors.conflict("The draft is being changed; try again.", { id });
  return { invoice, payment };
}

/** The columns that a breakdown fills. */
export const amountsOf = ({ currency, netMinor, taxMinor, grossMinor }: Breakdown) => ({
  ...{ currency, netMinor, taxMinor, grossMinor },
  amount: formatAmount(grossMinor, currency),
});

/**
 * Makes a draft of what is to be sold. Nothing is owed by it yet, and it has no number.
 * @throws VALIDATION_FAILED, SELLER_INCOMPLETE when the seller's country is unknown
 */
export async function draftInvoice(
  em: Em,
  { tenantId, userId }: Pick<Principal, "tenantId" | "userId">,
  wish: NewInvoice,
): Promise<InvoiceRow> {
  const payment = wish.paymentId === undefined ? null : await paymentOf(em, wish.paymentId, null);
  const invoice = em.create(Invoice, {
    ...{ id: uuidv7(), tenantId, userId, kind: "invoice", paymentId: payment?.id ?? null, creditedMinor: 0n, createdAt: new Date() },
    ...(await fill(em, tenantId, wish, payment)),
  });
  em.persist(invoice);
  return invoice;
}

/** Makes a draft anew of something else. @throws INVOICE_STATE_CONFLICT, and what `draftInvoice` throws */
export async function reviseInvoice(em: Em, tenantId: string, id: string, wish: NewInvoice): Promise<InvoiceRow> {
  const payment = wish.paymentId === undefined ? null : await paymentOf(em, wish.paymentId, id);
  const invoice = await lockInvoice(em, id);
  assertTakes(invoice, "revise");
  const filled = await fill(em, tenantId, wish, payment);
  if (invoice.saleId && (payment || filled.grossMinor !== invoice.grossMinor || filled.currency !== invoice.currency)) {
    const paid = `${formatAmount(invoice.grossMinor, invoice.currency as Currency)} ${invoice.currency}`;
    throw errors.invalid([{ pointer: payment ? "/paymentId" : "/items", detail: `must be of the subscription's payment, ${paid}` }]);
  }
  return em.assign(invoice, { ...filled, paymentId: payment?.id ?? null });
}

/** @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT once it is issued */
export async function removeDraft(em: Em, id: string): Promise<void> {
  const invoice = await lockInvoice(em, id);
  assertTakes(invoice, "remove");
  em.remove(invoice);
}

/** The payment, locked so that nobody makes another invoice of it meanwhile. @param own the invoice that may have it already */
async function paymentOf(em: Em, id: string, own: string | null): Promise<PaymentRow> {
  const payment = await lockPayment(em, id);
  if (!payment) throw errors.invalid([{ pointer: "/paymentId", detail: "must be one of the organisation's payments" }]);
  const other = await em.findOne(Invoice, { paymentId: id, status: { $ne: "void" }, id: { $ne: own ?? id } }, { fields: ["id"] });
  if (other) throw errors.invalid([{ pointer: "/paymentId", detail: `must be a payment without an invoice; it has ${other.id}` }]);
  return payment;
}

async function fill(em: Em, tenantId: string, wish: NewInvoice, payment: PaymentRow | null) {
  const { breakdown, country, buyer } = wish.items ? await itemised(em, tenantId, wish, payment) : paidFor(wish, payment);
  const named = wish.buyer ?? buyer;
  if (!named) throw errors.invalid([{ pointer: "/buyer", detail: "is required: the payment does not say who bought" }]);
  const content: Content = {
    ...{ seller: null, buyer: buyerParty(named, breakdown, country), breakdown, note: wish.note ?? null, prepaidMinor: 0n, corrects: null },
  };
  return { ...amountsOf(breakdown), content: store(content) };
}

/** @throws VALIDATION_FAILED naming what items need */
async function itemised(
  em: Em,
  tenantId: string,
  { items, customer, currency, ...wish }: NewInvoice,
  payment: PaymentRow | null,
): Promise<Sale> {
  const required = Object.entries({ customer, currency, buyer: wish.buyer }).filter(([, said]) => said === undefined);
  if (!items || !customer || !currency || required.length)
    throw errors.invalid(required.map(([name]) => ({ pointer: `/${name}`, detail: "is required with items" })));
  const breakdown = await quote(em, tenantId, { ...wish, items, customer, currency });
  if (payment && !(totalsOf(payment).includes(breakdown.grossMinor) && payment.currency === breakdown.currency)) {
    const totals = totalsOf(payment).map((minor) => `${formatAmount(minor, payment.currency as Currency)} ${payment.currency}`);
    const paid = totals.join(", of which came ");
    const made = `${formatAmount(breakdown.grossMinor, breakdown.currency)} ${breakdown.currency}`;
    throw errors.invalid([{ pointer: "/paymentId", detail: `must be a payment of what the items come to, ${made}; it is of ${paid}` }]);
  }
  return { breakdown, country: customer.country, buyer: wish.buyer ?? null };
}

/** States in which nothing more is taken of what was reserved. */
const isOver = new Set<string>(["captured", "partially_refunded", "refunded"]);

/** What the items of a payment's invoice may come to: all of it, or what was taken of a reservation that is over. */
const totalsOf = ({ status, intent, amountMinor, capturedMinor }: PaymentRow): bigint[] =>
  intent === "authorize" && isOver.has(status) && capturedMinor !== amountMinor ? [amountMinor, capturedMinor] : [amountMinor];

/** What the payment was for, as it was reckoned then. */
function paidFor(wish: NewInvoice, payment: PaymentRow | null): Sale {
  const sale = payment && saleOf(payment);
  if (!sale) throw errors.invalid([{ pointer: "/items", detail: "is required, or a paymentId of a payment that says what it is for" }]);
  const said = (["customer", "currency", "shipping", "discount", "prices", "rounding", "date"] as const).filter(
    (name) => wish[name] !== undefined,
  );
  if (said.length) throw errors.invalid(said.map((name) => ({ pointer: `/${name}`, detail: "means nothing without items" })));
  return sale;
}
