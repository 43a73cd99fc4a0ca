import { paypalId } from "./ids.ts";
import { cancelInvoice, forget, recordPayment, recordRefund, remind, send } from "./invoicemoves.ts";
import { type Invoice, invoiceBody, invoiceLinks, tellInvoice } from "./invoices.ts";
import { readInvoice } from "./newinvoice.ts";
import { refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

/** The next number after the last one used: its trailing digits counted up. */
function nextNumber(world: World, merchant: string): string {
  const used = new Set(world.invoices.all(merchant).map(({ number }) => number));
  const [, prefix = "", last = ""] = /^(.*?)(\d+)$/.exec([...used].findLast((number) => /\d$/.test(number)) ?? "0000") ?? [];
  let digits = last;
  do digits = String(BigInt(digits) + 1n).padStart(digits.length, "0");
  while (used.has(prefix + digits));
  return prefix + digits;
}

function reply(world: World, invoice: Invoice, status: number, whole: boolean): Reply {
  return { status, body: whole ? invoiceBody(world, invoice) : invoiceLinks(world, invoice)[0] };
}

function demandNumber(world: World, merchant: string, number: string | undefined, id: string | null): string {
  if (number === undefined) return nextNumber(world, merchant);
  if (world.invoices.all(merchant).some((one) => one.number === number && one.id !== id))
    throw refused("DUPLICATE_INVOICE_NUMBER", "The invoice number is used already.", "/detail/invoice_number");
  return number;
}

function create(world: World, { merchant, body, whole }: Call): Reply {
  const draft = readInvoice(body);
  const number = demandNumber(world, merchant, draft.detail.invoice_number, null);
  const now = world.clock.now();
  const id = `INV2-${paypalId(16).replace(/.{4}(?!$)/g, "$&-")}`;
  const invoice = world.invoices.put({
    id,
    merchant,
    number,
    stage: "DRAFT",
    draft,
    payments: [],
    refunds: [],
    createdAt: now,
    updatedAt: now,
  });
  tellInvoice(world, invoice, "CREATED");
  return reply(world, invoice, 201, whole);
}

function update(world: World, call: Call): Reply {
  const invoice = world.invoices.get(call.id, call.merchant);
  if (invoice.stage === "CANCELLED" || invoice.payments.length || world.captures.of(invoice.id).length)
    throw refused("CANNOT_UPDATE_INVOICE", "A cancelled or paid invoice stays as it is.");
  const draft = readInvoice(call.body);
  const number =
    draft.detail.invoice_number === undefined
      ? invoice.number
      : demandNumber(world, call.merchant, draft.detail.invoice_number, invoice.id);
  Object.assign(invoice, { draft, number, updatedAt: world.clock.now() });
  tellInvoice(world, invoice, "UPDATED");
  return reply(world, invoice, 200, true);
}

function remove(world: World, call: Call): Reply {
  const invoice = world.invoices.get(call.id, call.merchant);
  if (!["DRAFT", "SCHEDULED", "CANCELLED"].includes(invoice.stage))
    throw refused("CANNOT_DELETE_INVOICE", "An invoice that was sent can only be cancelled.");
  world.invoices.remove(invoice.id);
  return { status: 204 };
}

interface Wanted {
  invoice_number?: string;
  reference?: string;
  recipient_email?: string;
  currency_code?: string;
  status?: string[];
}

/** A page of those that fit. */
function list(world: World, { merchant, query }: Call, wanted: Wanted = {}): Reply {
  const size = Math.min(100, Math.max(1, Number(query.get("page_size") ?? 20) || 20));
  const page = Math.max(1, Number(query.get("page") ?? 1) || 1);
  const fits = (wish: string | undefined, ...values: (string | undefined)[]) => wish === undefined || values.includes(wish);
  const found = world.invoices
    .all(merchant)
    .map((invoice) => invoiceBody(world, invoice))
    .filter(
      ({ detail }) =>
        fits(wanted.invoice_number, detail.invoice_number) &&
        fits(wanted.reference, detail.reference) &&
        fits(wanted.currency_code, detail.currency_code),
    )
    .filter(({ primary_recipients }) => fits(wanted.recipient_email, ...primary_recipients.map((one) => one.billing_info?.email_address)))
    .filter(({ status }) => !wanted.status || wanted.status.includes(status));
  const totals = { total_items: found.length, total_pages: Math.ceil(found.length / size) };
  return { status: 200, body: { ...totals, items: found.slice((page - 1) * size, page * size), links: [] } };
}

/** Invoicing v2. Source: PayPal's invoicing_v2 OpenAPI document. */
export function invoiceRoutes(world: World): Route[] {
  const path = "/v2/invoicing/invoices";
  const own = (call: Call) => world.invoices.get(call.id, call.merchant);
  const acting =
    (act: (world: World, invoice: Invoice, call: Call) => void) =>
    (call: Call): Reply => {
      act(world, own(call), call);
      return { status: 204 };
    };
  return [
    on("POST /v2/invoicing/generate-next-invoice-number", "invoices.number", ({ merchant }) => ({
      status: 200,
      body: { invoice_number: nextNumber(world, merchant) },
    })),
    on("POST /v2/invoicing/search-invoices", "invoices.search", (call) => list(world, call, call.body)),
    on(`POST ${path}`, "invoices.create", (call) => create(world, call)),
    on(`GET ${path}`, "invoices.list", (call) => list(world, call)),
    on(`GET ${path}/:id`, "invoices.get", (call) => ({ status: 200, body: invoiceBody(world, own(call)) })),
    on(`PUT ${path}/:id`, "invoices.update", (call) => update(world, call)),
    on(`DELETE ${path}/:id`, "invoices.delete", (call) => remove(world, call)),
    on(`POST ${path}/:id/send`, "invoices.send", (call) => {
      const waits = send(world, own(call), call.body);
      return reply(world, own(call), waits ? 202 : 200, false);
    }),
    on(`POST ${path}/:id/remind`, "invoices.remind", acting(remind)),
    on(`POST ${path}/:id/cancel`, "invoices.cancel", acting(cancelInvoice)),
    on(`POST ${path}/:id/payments`, "invoices.pay", (call) => ({
      status: 200,
      body: { payment_id: recordPayment(world, own(call), call.body) },
    })),
    on(
      `DELETE ${path}/:id/payments/:payment`,
      "invoices.unpay",
      acting((_world, invoice, { ids }) => forget(world, invoice, "payments", ids[1]!)),
    ),
    on(`POST ${path}/:id/refunds`, "invoices.refund", (call) => ({
      status: 200,
      body: { refund_id: recordRefund(world, own(call), call.body) },
    })),
    on(
      `DELETE ${path}/:id/refunds/:refund`,
      "invoices.unrefund",
      acting((_world, invoice, { ids }) => forget(world, invoice, "refunds", ids[1]!)),
    ),
  ];
}
