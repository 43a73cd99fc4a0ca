import { errors } from "../../../config/errors.ts";
import type { InvoiceRow } from "../../../entities/Invoice.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { SubscriptionPayment } from "../../../entities/SubscriptionPayment.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Em } from "../../../mixins/database.ts";
import { missingOf, readSeller } from "../seller/seller.ts";
import { restore, store } from "../tax/stored.ts";
import { sellerParty, type Content } from "./content.ts";
import { lockInvoice, lockWithPayment } from "./drafts.ts";
import { tell } from "./events.ts";
import { nextNumber } from "./numbers.ts";
import { assertTakes } from "./state.ts";

const dayMs = 24 * 3_600_000;
const dayOf = (date: Date) => date.toISOString().slice(0, 10);

/** What the law wants to know of the seller and is not there. @throws SELLER_INCOMPLETE naming all of it */
export async function completeSeller(em: Em, tenantId: string) {
  const seller = await readSeller(em, tenantId);
  const missing = missingOf(seller);
  if (seller && missing.length === 0) return seller;
  throw errors.sellerIncomplete(
    `Invoices can't be issued before the seller is known: ${missing.join(", ")} ${missing.length === 1 ? "is" : "are"} missing. PUT /api/v1/seller.`,
    {
      missing,
    },
  );
}

/**
 * Issues a draft: gives it the next number of its series, the day, and the seller as it is known now. Of a captured payment, or one of a subscription, it is paid at once.
 * @param actor the subject of who does it
 * @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT, SELLER_INCOMPLETE
 */
export async function issueInvoice(em: Em, id: string, actor: string): Promise<InvoiceRow> {
  const { invoice, payment } = await lockWithPayment(em, id);
  assertTakes(invoice, "issue");
  const seller = await completeSeller(em, invoice.tenantId);
  const content = restore<Content>(invoice.content);
  if (content.breakdown.groups.some(({ code }) => code === "AE" || code === "G") && !seller.vatId)
    throw errors.sellerIncomplete(
      "An invoice without tax for reverse charge or export has to name the seller's VAT id: vatId is missing. PUT /api/v1/seller.",
      {
        missing: ["vatId"],
      },
    );
  const paidAt = await paidSince(em, invoice, payment);
  const given = await nextNumber(em, invoice.tenantId, seller.invoiceSeries);
  const now = new Date();
  em.assign(invoice, {
    ...given,
    content: store<Content>({ ...content, seller: sellerParty(seller), prepaidMinor: paidAt ? invoice.grossMinor : 0n }),
    status: "issued",
    issuedAt: now,
    issueDate: dayOf(now),
    dueDate: dayOf(new Date(now.getTime() + seller.dueDays * dayMs)),
  });
  await em.flush();
  await tell(em, invoice, "invoice.issued", actor);
  if (paidAt) await pay(em, invoice, paidAt, actor);
  describeAct({ object: `invoice:${id}`, details: { number: given.number } });
  return invoice;
}

/** Since when it is paid by what it was made of: a payment of which as much is captured, or one of a subscription. */
async function paidSince(em: Em, invoice: InvoiceRow, payment: PaymentRow | null): Promise<Date | null> {
  if (payment) return payment.capturedMinor >= invoice.grossMinor ? (payment.executedAt ?? null) : null;
  const { tenantId, saleId } = invoice;
  return saleId ? ((await em.findOne(SubscriptionPayment, { tenantId, saleId }))?.paidAt ?? null) : null;
}

/** Marks an issued invoice as paid. @throws INVOICE_NOT_FOUND, INVOICE_STATE_CONFLICT */
export async function payInvoice(em: Em, id: string, actor: string, paidAt = new Date()): Promise<InvoiceRow> {
  const invoice = await lockInvoice(em, id);
  assertTakes(invoice, "pay");
  await pay(em, invoice, paidAt, actor);
  return invoice;
}

async function pay(em: Em, invoice: InvoiceRow, paidAt: Date, actor: string): Promise<void> {
  em.assign(invoice, { status: "paid", paidAt });
  await em.flush();
  await tell(em, invoice, "invoice.paid", actor);
}
