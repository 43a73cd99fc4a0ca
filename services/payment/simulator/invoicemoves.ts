import { amountOf, minorOf } from "./amounts.ts";
import { type Capture, placeCapture } from "./captures.ts";
import { paypalId } from "./ids.ts";
import { type Invoice, invoiceStatus, standing, tellInvoice } from "./invoices.ts";
import { readRecorded } from "./newinvoice.ts";
import { failure, Refused, refused, unreadable } from "./replies.ts";
import type { World } from "./world.ts";

const touch = (world: World, invoice: Invoice) => (invoice.updatedAt = world.clock.now());

/** To the payer: now, or on the day of the invoice when that is still to come. @returns whether it waits for that day */
export function send(world: World, invoice: Invoice, { send_to_recipient = true }: { send_to_recipient?: boolean }): boolean {
  const { draft } = invoice;
  if (invoice.stage !== "DRAFT" && invoice.stage !== "SCHEDULED")
    throw refused("CANNOT_SEND_INVOICE", `The invoice is ${invoiceStatus(world, invoice)}.`);
  const missing =
    draft.items.length === 0 ? "/items" : draft.primary_recipients.length === 0 && send_to_recipient ? "/primary_recipients" : null;
  if (missing) throw new Refused(failure(400, { issue: "MISSING_REQUIRED_PARAMETER", field: missing, location: "body" }));
  const stage = send_to_recipient ? "SENT" : "UNPAID";
  const day = Date.parse(draft.detail.invoice_date ?? "");
  touch(world, invoice);
  if (!(day > world.clock.now())) {
    invoice.stage = stage;
    tellInvoice(world, invoice, "UPDATED");
    return false;
  }
  invoice.stage = "SCHEDULED";
  tellInvoice(world, invoice, "SCHEDULED");
  world.clock.at(day, () => {
    if (invoice.stage !== "SCHEDULED") return;
    invoice.stage = stage;
    touch(world, invoice);
    tellInvoice(world, invoice, "UPDATED");
  });
  return true;
}

export function remind(world: World, invoice: Invoice): void {
  if (!["UNPAID", "SENT", "PARTIALLY_PAID"].includes(invoiceStatus(world, invoice)))
    throw refused("CANNOT_REMIND_INVOICE", "A reminder is sent only for an invoice that is sent and not paid.");
}

const cancelRefusals: Record<string, string> = {
  ...{ DRAFT: "CANNOT_CANCEL_DRAFT_INVOICE", SCHEDULED: "CANNOT_CANCEL_SCHEDULED_INVOICE", CANCELLED: "INVOICE_CANCELED_ALREADY" },
  ...{ PAID: "CANNOT_CANCEL_PAID_INVOICE", MARKED_AS_PAID: "CANNOT_CANCEL_PAID_INVOICE", PARTIALLY_PAID: "CANNOT_CANCEL_PAID_INVOICE" },
  ...{ PAYMENT_PENDING: "CANNOT_CANCEL_PAID_INVOICE", REFUNDED: "CANNOT_CANCEL_REFUNDED_INVOICE" },
  ...{ PARTIALLY_REFUNDED: "CANNOT_CANCEL_REFUNDED_INVOICE", MARKED_AS_REFUNDED: "CANNOT_CANCEL_REFUNDED_INVOICE" },
};

export function cancelInvoice(world: World, invoice: Invoice): void {
  const status = invoiceStatus(world, invoice);
  const refusal = cancelRefusals[status];
  if (refusal) throw refused(refusal, `The invoice is ${status}.`);
  invoice.stage = "CANCELLED";
  touch(world, invoice);
  tellInvoice(world, invoice, "CANCELLED");
}

const methods = ["BANK_TRANSFER", "CASH", "CHECK", "CREDIT_CARD", "DEBIT_CARD", "PAYPAL", "WIRE_TRANSFER", "OTHER"];

function recordedIn(world: World, body: Record<string, unknown>, code: string, left: bigint, badMethod: string) {
  const { method, note } = body as { method?: string; note?: string };
  const date = (body["payment_date"] ?? body["refund_date"] ?? world.clock.stamp().slice(0, 10)) as string;
  if (!methods.includes(method ?? ""))
    throw new Refused(failure(400, { issue: badMethod, field: "/method", value: method, location: "body" }));
  const amount = body["amount"] === undefined ? amountOf(left, code) : readRecorded(body["amount"], code);
  return { id: `EXTR-${paypalId(16)}`, method: method!, date, amount, note };
}

/** The merchant says that it was paid outside of PayPal: all that is due, or a part. @returns the payment's id */
export function recordPayment(world: World, invoice: Invoice, body: Record<string, unknown>): string {
  const { due } = standing(world, invoice);
  if (!["SENT", "UNPAID", "PARTIALLY_PAID"].includes(invoiceStatus(world, invoice)))
    throw refused("CANNOT_PROCESS_PAYMENTS", "A payment is recorded only for an invoice that is sent and not paid.");
  const payment = recordedIn(world, body, invoice.draft.detail.currency_code, due, "INVALID_PAYMENT_METHOD");
  if (minorOf(payment.amount) > due) throw refused("PAYMENT_AMOUNT_GREATER_THAN_AMOUNT_DUE", "The payment is more than what is due.");
  invoice.payments.push(payment);
  touch(world, invoice);
  tellInvoice(world, invoice, due === minorOf(payment.amount) ? "PAID" : "UPDATED");
  return payment.id;
}

/** The merchant says that money went back outside of PayPal: at most what was recorded as paid. @returns the refund's id */
export function recordRefund(world: World, invoice: Invoice, body: Record<string, unknown>): string {
  const { outside, backOutside } = standing(world, invoice);
  const left = outside - backOutside;
  if (left <= 0n) throw refused("CANNOT_PROCESS_REFUNDS", "No payment was recorded that could go back.");
  const refund = recordedIn(world, body, invoice.draft.detail.currency_code, left, "INVALID_REFUND_METHOD");
  if (minorOf(refund.amount) > left) throw refused("INVALID_REFUND_AMOUNT", "The refund is more than what was recorded as paid.");
  invoice.refunds.push(refund);
  touch(world, invoice);
  tellInvoice(world, invoice, "REFUNDED");
  return refund.id;
}

/** Takes back what was only recorded. */
export function forget(world: World, invoice: Invoice, list: "payments" | "refunds", id: string): void {
  const found = invoice[list].find((one) => one.id === id);
  const isRefunded = list === "payments" && standing(world, invoice).backOutside > 0n;
  if (!found || isRefunded)
    throw refused("CANNOT_DELETE_EXTERNAL_PAYMENT", "Only a recorded payment that was not refunded can be deleted.");
  invoice[list] = invoice[list].filter((one) => one !== found);
  touch(world, invoice);
  tellInvoice(world, invoice, "UPDATED");
}

/** The payer pays through PayPal, all that is due or as much as the invoice lets them. */
export function payInvoice(world: World, invoice: Invoice, value: string | undefined): Capture {
  const { due } = standing(world, invoice);
  const code = invoice.draft.detail.currency_code;
  if (!["SENT", "UNPAID", "PARTIALLY_PAID"].includes(invoiceStatus(world, invoice))) throw unreadable("This invoice is not to be paid.");
  const amount = value === undefined ? amountOf(due, code) : { value, currency_code: code };
  const isPart = minorOf(amount) < due;
  if (minorOf(amount) > due || (isPart && invoice.draft.configuration.partial_payment?.allow_partial_payment !== true))
    throw unreadable("value must be what is due, or less where the invoice allows a part");
  touch(world, invoice);
  return placeCapture(world, invoice.merchant, {
    ...{ orderId: null, subscriptionId: null, paypalInvoiceId: invoice.id, reference: "default", authorizationId: null },
    ...{ amount, isFinal: !isPart, customId: invoice.draft.detail.reference, invoiceId: invoice.number },
  });
}
