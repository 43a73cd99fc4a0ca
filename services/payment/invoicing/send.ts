import type { Principal } from "../../../config/permissions.ts";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { PaypalInvoice, type PaypalInvoiceRow } from "../../../entities/PaypalInvoice.ts";
import { sweepDue } from "../due.ts";
import { invoicingGateway, type InvoiceView, type InvoicingGateway } from "../gateway/invoicing.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { findInvoice, lockInvoice } from "../invoices/drafts.ts";
import { issuedOf, type Issued } from "../invoices/issued.ts";
import { assertTakes } from "../invoices/state.ts";
import { firstLookMs } from "../schedule.ts";
import type { PayPal, Till } from "../till.ts";
import { billed, referenceOf } from "./billed.ts";
import { claimed, mirror, stuck } from "./mirror.ts";
import { failureOf, refusalOf } from "./refusals.ts";

/**
 * Has PayPal send an issued invoice to its buyer and collect the money. The row stands before PayPal hears of it; an answer that was lost is looked
 * for by the invoice's number, which PayPal takes once. A repeat changes nothing more.
 * @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT, VALIDATION_FAILED without the buyer's address, PAYPAL_INVOICE_REFUSED
 */
export async function sendByPayPal(till: Till, { tenantId }: Principal, id: string): Promise<PaypalInvoiceRow> {
  // Whose invoice it is comes before whether there is a PayPal to send it by.
  await till.db.tenant(tenantId, (em) => findInvoice(em, id));
  const paypal = await till.paypal(tenantId);
  await till.db.tenant(tenantId, async (em) => {
    const invoice = await lockInvoice(em, id);
    const known = await em.findOne(PaypalInvoice, { id });
    if (known && known.status !== "FAILED") return;
    assertTakes(invoice, "handOver");
    if (!issuedOf(invoice).buyer.email)
      throw errors.invalid([{ pointer: "/id", detail: "must be an invoice whose buyer has an e-mail address: PayPal writes to it" }]);
    const { simulated } = paypal.connection;
    const begun = {
      status: "CREATING",
      simulated,
      accountId: paypal.accountId,
      nextCheckAt: new Date(Date.now() + firstLookMs),
      checks: 0,
    };
    if (known) em.assign(known, begun);
    else em.persist(em.create(PaypalInvoice, { id, tenantId, ...begun, createdAt: new Date() }));
  });
  const sent = await advance(till, id);
  if (sent.status === "FAILED")
    throw errors.paypalInvoiceRefused(`PayPal does not send it: ${sent.failureMessage}`, { id, issue: sent.failureType });
  return sent;
}

/** Brings it as far as it can go now: made, sent, and mirrored as PayPal shows it. */
export async function advance(till: Till, id: string): Promise<PaypalInvoiceRow> {
  const { db } = till;
  const mine = await claimed(db, id);
  const { mirrored, issued } = await db.system(async (em) => ({
    mirrored: await em.findOneOrFail(PaypalInvoice, { id }),
    issued: issuedOf(await findInvoice(em, id)),
  }));
  if (!mine) return mirrored;
  const paypal = await paypalOf(till, mirrored).catch(async (error: unknown) => {
    // Without credentials it waits like everything else, ever longer.
    await stuck(db, id, { type: failureType(error), message: messageOf(error) }, false);
    throw error;
  });
  const gateway = invoicingGateway(paypal.connection);
  const made = mirrored.paypalId ? await gateway.get(mirrored.paypalId) : await make(gateway, id, issued);
  if (made.outcome !== "ok") return await stuck(db, id, failureOf(made), made.outcome === "refused" && !mirrored.paypalId);
  const view = made.value;
  if (view.status !== "DRAFT") return await mirror(till, paypal, mirrored, view);
  if (view.amount?.amountMinor !== issued.breakdown.grossMinor) {
    await gateway.remove(view.id);
    return await stuck(db, id, { type: "INVOICE_AMOUNT_DIFFERS", message: "PayPal reckons another total than the invoice has." }, true);
  }
  await mirror(till, paypal, mirrored, view);
  const sent = await gateway.send(view.id);
  // Refused may mean that it was sent before; lost means that nobody knows: what PayPal shows is what happened.
  const seen = await gateway.get(view.id);
  if (seen.outcome !== "ok") return await stuck(db, id, failureOf(seen), false);
  const after = await mirror(till, paypal, mirrored, seen.value);
  return seen.value.status === "DRAFT" && sent.outcome !== "ok" ? await stuck(db, id, failureOf(sent), false) : after;
}

const paypalOf = (till: Till, { tenantId, accountId = null }: PaypalInvoiceRow): Promise<PayPal> => till.paypal(tenantId, accountId);

/** The invoice of ours that PayPal has already, else a new one. */
async function make(gateway: InvoicingGateway, id: string, issued: Issued): Promise<Outcome<InvoiceView>> {
  const found = await gateway.find(issued.number);
  if (found.outcome !== "ok") return found;
  const own = found.value.find(({ reference }) => reference === referenceOf(id));
  // A list has not all of it.
  return own ? await gateway.get(own.id) : await gateway.create(billed(id, issued, issued.buyer.email!));
}

/** How it stands at PayPal; null when PayPal does not send it. @throws INVOICE_NOT_FOUND */
export const readPaypalInvoice = (till: Till, tenantId: string, id: string): Promise<PaypalInvoiceRow | null> =>
  till.db.tenant(tenantId, async (em) => {
    await findInvoice(em, id);
    return await em.findOne(PaypalInvoice, { id });
  });

/**
 * Does something to the invoice at PayPal and looks at it afterwards.
 * @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT (with PayPal's issue), PAYPAL_INVOICE_REFUSED, PAYMENT_GATEWAY_UNAVAILABLE
 */
export async function doAtPayPal(
  till: Till,
  tenantId: string,
  id: string,
  act: (gateway: InvoicingGateway, paypalId: string) => Promise<Outcome<true>>,
): Promise<PaypalInvoiceRow> {
  const mirrored = await readPaypalInvoice(till, tenantId, id);
  const paypalId = mirrored?.paypalId;
  if (!mirrored || !paypalId) throw errors.invoiceState("PayPal does not send this invoice, or has not confirmed it yet.", { id });
  const paypal = await paypalOf(till, mirrored);
  const gateway = invoicingGateway(paypal.connection);
  const done = await act(gateway, paypalId);
  if (done.outcome !== "ok") throw refusalOf(done, id);
  const seen = await gateway.get(paypalId);
  return seen.outcome === "ok" ? await mirror(till, paypal, mirrored, seen.value) : mirrored;
}

/** Looks at what is due: lost answers, what no webhook told. See `sweepDue`. */
export const sweepInvoices = (till: Till, limit: number, signal?: AbortSignal): Promise<number> =>
  sweepDue(till, "paypal_invoices", limit, (id) => advance(till, id), signal);
