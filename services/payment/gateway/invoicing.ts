import { formatAmount, readAmount, type Currency, type Money } from "../money.ts";
import { list, record, text } from "./answer.ts";
import type { PayPalConnection } from "./connection.ts";
import type { Outcome } from "./gateway.ts";

export interface BilledItem {
  /** At most 127 characters. */
  name: string;
  quantity: bigint;
  /** Without tax where there is a percentage. */
  unitMinor: bigint;
  /** "19"; null where no tax is to be added. */
  percent: string | null;
}

export interface BilledInvoice {
  /** At most 25 characters; PayPal takes each once. */
  number: string;
  /** What is ours is known by it. */
  reference: string;
  /** YYYY-MM-DD. */
  date: string;
  dueDate: string;
  currency: Currency;
  items: BilledItem[];
  note: string | null;
  seller: { name: string; street: string; postcode: string; city: string; country: string; vatId: string | null };
  buyer: { name: string; email: string };
}

/** An invoice as PayPal shows it. */
export interface InvoiceView {
  id: string;
  /** DRAFT, SENT, SCHEDULED, UNPAID, PAID, MARKED_AS_PAID, PARTIALLY_PAID, PAYMENT_PENDING, REFUNDED, PARTIALLY_REFUNDED, MARKED_AS_REFUNDED or CANCELLED. */
  status: string;
  reference: string | null;
  amount: Money | null;
  due: Money | null;
  payerUrl: string | null;
  /** PayPal's ids of the captures by which it was paid through PayPal, and of what went back; what was only recorded as paid is none of them. */
  captureIds: string[];
  refundIds: string[];
}

/** Invoicing v2, which PayPal's SDK lacks. No request takes a PayPal-Request-Id: what was made is found again by its number. */
export interface InvoicingGateway {
  create(invoice: BilledInvoice): Promise<Outcome<InvoiceView>>;
  find(number: string): Promise<Outcome<InvoiceView[]>>;
  get(id: string): Promise<Outcome<InvoiceView>>;
  send(id: string): Promise<Outcome<true>>;
  remind(id: string, note: string | undefined): Promise<Outcome<true>>;
  cancel(id: string): Promise<Outcome<true>>;
  /** Drafts alone. */
  remove(id: string): Promise<Outcome<true>>;
}

const invoices = "/v2/invoicing/invoices";
const pathOf = (id: string, action = "") => `${invoices}/${encodeURIComponent(id)}${action}`;
const prefer = "return=representation";

export function invoicingGateway(connection: PayPalConnection): InvoicingGateway {
  const done = () => true as const;
  const post = (path: string, body: object) => connection.send({ method: "POST", path, body }, done);
  return {
    create: (invoice) => connection.send({ method: "POST", path: invoices, body: bodyOf(invoice), prefer }, readInvoice),
    find: (number) =>
      connection.send({ method: "POST", path: "/v2/invoicing/search-invoices", body: { invoice_number: number } }, (body) =>
        list(record(body)["items"]).flatMap((item) => readInvoice(item) ?? []),
      ),
    get: (id) => connection.send({ method: "GET", path: pathOf(id) }, readInvoice),
    send: (id) => post(pathOf(id, "/send"), { send_to_recipient: true, send_to_invoicer: false }),
    remind: (id, note) => post(pathOf(id, "/remind"), { send_to_recipient: true, ...(note !== undefined && { note }) }),
    cancel: (id) => post(pathOf(id, "/cancel"), { send_to_recipient: true }),
    remove: (id) => connection.send({ method: "DELETE", path: pathOf(id) }, done),
  };
}

function bodyOf({ number, reference, date, dueDate, currency, items, note, seller, buyer }: BilledInvoice) {
  const amount = (minor: bigint) => ({ currency_code: currency, value: formatAmount(minor, currency) });
  const { name, street, postcode, city, country, vatId } = seller;
  return {
    detail: {
      ...{ invoice_number: number, reference, invoice_date: date, currency_code: currency },
      ...(note !== null && { note }),
      payment_term: { term_type: "DUE_ON_DATE_SPECIFIED", due_date: dueDate },
    },
    invoicer: {
      business_name: name,
      address: { address_line_1: street, admin_area_2: city, postal_code: postcode, country_code: country },
      ...(vatId !== null && { tax_id: vatId }),
    },
    primary_recipients: [{ billing_info: { business_name: buyer.name, email_address: buyer.email } }],
    items: items.map((item) => ({
      ...{ name: item.name, quantity: String(item.quantity), unit_amount: amount(item.unitMinor), unit_of_measure: "QUANTITY" },
      ...(item.percent !== null && { tax: { name: "Tax", percent: item.percent } }),
    })),
    configuration: { tax_inclusive: false, tax_calculated_after_discount: true, partial_payment: { allow_partial_payment: false } },
  };
}

const money = (value: unknown): Money | null => {
  const { value: amount, currency_code: currency } = record(value);
  return readAmount(text(amount), text(currency));
};

/** What moved money through PayPal, of the transactions of an invoice. */
const movedBy = (of: unknown, name: "payment_id" | "refund_id"): string[] =>
  list(record(of)["transactions"])
    .map(record)
    .flatMap((one) => (one["type"] === "PAYPAL" ? (text(one[name]) ?? []) : []));

/** PayPal's invoice; null when it is none. */
export function readInvoice(body: unknown): InvoiceView | null {
  const invoice = record(body);
  const detail = record(invoice["detail"]);
  const [id, status] = [text(invoice["id"]), text(invoice["status"])];
  if (!id || !status) return null;
  return {
    ...{ id, status, reference: text(detail["reference"]) },
    amount: money(invoice["amount"]),
    due: money(invoice["due_amount"]),
    payerUrl: text(record(detail["metadata"])["recipient_view_url"]),
    captureIds: movedBy(invoice["payments"], "payment_id"),
    refundIds: movedBy(invoice["refunds"], "refund_id"),
  };
}
