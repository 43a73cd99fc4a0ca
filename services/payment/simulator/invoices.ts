import { type Amount, amountOf, minorOf } from "./amounts.ts";
import type { Capture } from "./captures.ts";
import { type Draft, draftTotals } from "./newinvoice.ts";
import type { World } from "./world.ts";

interface Recorded {
  id: string;
  method: string;
  date: string;
  amount: Amount;
  note: string | undefined;
}

export interface Invoice {
  id: string;
  merchant: string;
  number: string;
  /** How far it is on its way to the payer; what became of its money is worked out from payments. */
  stage: "DRAFT" | "SCHEDULED" | "SENT" | "UNPAID" | "CANCELLED";
  draft: Draft;
  /** Paid outside of PayPal, as the merchant says. */
  payments: Recorded[];
  refunds: Recorded[];
  createdAt: number;
  updatedAt: number;
}

const sum = (amounts: Amount[]) => amounts.reduce((total, amount) => total + minorOf(amount), 0n);

/** Where the money of an invoice stands, in minor units. */
export function standing(world: World, invoice: Invoice) {
  const captures = world.captures.of(invoice.id);
  const done = captures.filter(({ status }) => status === "COMPLETED");
  const outside = sum(invoice.payments.map(({ amount }) => amount));
  const paypal = sum(done.map(({ amount }) => amount));
  const pending = sum(captures.filter(({ status }) => status === "PENDING").map(({ amount }) => amount));
  const back = done.flatMap(({ id }) => world.refunds.of(id)).filter(({ status }) => status === "COMPLETED");
  const backOutside = sum(invoice.refunds.map(({ amount }) => amount));
  const backPayPal = sum(back.map(({ amount }) => amount));
  const { total } = draftTotals(invoice.draft);
  const paid = outside + paypal;
  return {
    total,
    outside,
    paypal,
    pending,
    paid,
    due: total - paid,
    back: backOutside + backPayPal,
    backOutside,
    backPayPal,
    captures: done,
    refunds: back,
  };
}

export function invoiceStatus(world: World, invoice: Invoice): string {
  const { pending, paid, due, back, backPayPal, paypal } = standing(world, invoice);
  if (pending > 0n) return "PAYMENT_PENDING";
  if (paid === 0n) return invoice.stage;
  if (back > 0n) return back < paid ? "PARTIALLY_REFUNDED" : backPayPal > 0n ? "REFUNDED" : "MARKED_AS_REFUNDED";
  if (due > 0n) return "PARTIALLY_PAID";
  return paypal > 0n ? "PAID" : "MARKED_AS_PAID";
}

export function tellInvoice(world: World, invoice: Invoice, what: string): void {
  world.emit(invoice.merchant, `INVOICING.INVOICE.${what}`, "invoices", { invoice: invoiceBody(world, invoice) });
}

/** A payment through PayPal has ended, or was given back: the invoice's webhooks are told. */
export function tellInvoiceOf(world: World, capture: Pick<Capture, "paypalInvoiceId">, what: "PAID" | "REFUNDED"): void {
  const invoice = capture.paypalInvoiceId === null ? undefined : world.invoices.find(capture.paypalInvoiceId);
  if (invoice) tellInvoice(world, invoice, what);
}

const transactionOf = (name: "payment" | "refund", { id, method, date, amount, note }: Recorded) => ({
  ...{ [`${name}_id`]: id, type: "EXTERNAL", [`${name}_date`]: date, method, amount, ...(note && { note }) },
});

const dayOf = (world: World, at: number) => world.clock.stamp(at).slice(0, 10);

function detailOf(world: World, { id, draft, number, createdAt, updatedAt }: Invoice) {
  const { detail } = draft;
  return {
    ...detail,
    invoice_number: number,
    invoice_date: detail.invoice_date ?? dayOf(world, createdAt),
    payment_term: { term_type: "DUE_ON_RECEIPT", due_date: dayOf(world, createdAt), ...detail.payment_term },
    metadata: {
      create_time: world.clock.stamp(createdAt),
      last_update_time: world.clock.stamp(updatedAt),
      create_flow: "REGULAR_SINGLE",
      recipient_view_url: viewOf(world, id),
      invoicer_view_url: `${viewOf(world, id)}?view=merchant`,
    },
  };
}

const viewOf = (world: World, id: string) => `${world.origin}/invoice/p/${id}`;

export function invoiceBody(world: World, invoice: Invoice) {
  const { id, draft } = invoice;
  const { amount, taxes } = draftTotals(draft);
  const now = standing(world, invoice);
  const money = (minor: bigint) => amountOf(minor, draft.detail.currency_code);
  const paypal = (at: number) => ({ type: "PAYPAL", method: "PAYPAL", date: dayOf(world, at) });
  const payments = [
    ...invoice.payments.map((one) => transactionOf("payment", one)),
    ...now.captures.map(({ id, amount, createdAt }) => {
      const { date, ...rest } = paypal(createdAt);
      return { payment_id: id, payment_date: date, amount, ...rest };
    }),
  ];
  const refunds = [
    ...invoice.refunds.map((one) => transactionOf("refund", one)),
    ...now.refunds.map(({ id, amount, createdAt }) => {
      const { date, ...rest } = paypal(createdAt);
      return { refund_id: id, refund_date: date, amount, ...rest };
    }),
  ];
  return {
    id,
    status: invoiceStatus(world, invoice),
    detail: detailOf(world, invoice),
    invoicer: { email_address: world.accounts.of(invoice.merchant).email, ...draft.invoicer },
    primary_recipients: draft.primary_recipients,
    ...(draft.additional_recipients && { additional_recipients: draft.additional_recipients }),
    items: draft.items.map((item, index) => ({
      id: `ITEM-${index + 1}`,
      ...item,
      ...(item.tax && { tax: { ...item.tax, amount: taxes[index] } }),
    })),
    configuration: { allow_tip: false, ...draft.configuration },
    amount,
    due_amount: money(now.due),
    ...(payments.length && { payments: { paid_amount: money(now.paid), transactions: payments } }),
    ...(refunds.length && { refunds: { refund_amount: money(now.back), transactions: refunds } }),
    links: invoiceLinks(world, invoice),
  };
}

export function invoiceLinks(world: World, { id, stage }: Invoice) {
  const self = `${world.origin}/v2/invoicing/invoices/${id}`;
  const moves = stage === "DRAFT" ? ["send"] : stage === "SENT" || stage === "UNPAID" ? ["remind", "cancel", "payments"] : [];
  return [
    { href: self, rel: "self", method: "GET" },
    { href: self, rel: "replace", method: "PUT" },
    { href: self, rel: "delete", method: "DELETE" },
    { href: viewOf(world, id), rel: "payer-view", method: "GET" },
    ...moves.map((rel) => ({ href: `${self}/${rel}`, rel, method: "POST" })),
  ];
}
