import { LockMode } from "@mikro-orm/core";
import { errors } from "../../../config/errors.ts";
import { Invoice } from "../../../entities/Invoice.ts";
import { PaypalInvoice, type PaypalInvoiceRow } from "../../../entities/PaypalInvoice.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import type { Outcome } from "../gateway/gateway.ts";
import type { InvoiceView } from "../gateway/invoicing.ts";
import { payInvoice } from "../invoices/issue.ts";
import { waitMs } from "../schedule.ts";

/** An invoice at PayPal as its tenant sees it. */
export interface ShownPaypalInvoice {
  paypalId: string | null;
  status: string;
  payerUrl: string | null;
  simulated: boolean;
  failure: { type: string; message: string } | null;
}

export const showPaypalInvoice = ({
  paypalId = null,
  status,
  payerUrl = null,
  simulated,
  failureType,
  failureMessage,
}: PaypalInvoiceRow): ShownPaypalInvoice => ({
  ...{ paypalId, status, payerUrl, simulated },
  failure: failureType ? { type: failureType, message: failureMessage ?? "" } : null,
});

/** Longer than everything one holder asks of PayPal takes. */
const claimMs = 90_000;

/** Takes the row to work on it alone. @returns false while somebody else does */
export const claimed = async (db: Database, id: string): Promise<boolean> =>
  (await db.system((em) =>
    row(
      em,
      `update payment.paypal_invoices set claimed_until = now() + ? * interval '1 millisecond'
       where id = ? and (claimed_until is null or claimed_until < now()) returning id`,
      [claimMs, id],
    ),
  )) !== undefined;

/** After which nothing happens any more. */
const over = new Set(["FAILED", "CANCELLED", "REFUNDED", "MARKED_AS_REFUNDED"]);
/** What webhooks tell of; a look now and then finds what they did not. */
const quarterDay = 6 * 3_600_000;
/** What has to be finished soon. */
const begun = new Set(["CREATING", "DRAFT"]);

async function write(db: Database, id: string, change: (em: Em, row: PaypalInvoiceRow) => Promise<void> | void): Promise<PaypalInvoiceRow> {
  return await db.system(async (em) => {
    const mirrored = await em.findOneOrFail(PaypalInvoice, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    const before = mirrored.status;
    await change(em, mirrored);
    mirrored.checks = mirrored.status === before ? mirrored.checks + 1 : 0;
    mirrored.claimedUntil = null;
    const wait = waitMs(mirrored.checks, begun.has(mirrored.status) ? undefined : quarterDay);
    mirrored.nextCheckAt = over.has(mirrored.status) ? null : new Date(Date.now() + wait);
    return mirrored;
  });
}

/** Writes how it stands at PayPal. What is paid there is paid here. */
export const mirror = (db: Database, id: string, { id: paypalId, status, due, payerUrl }: InvoiceView): Promise<PaypalInvoiceRow> =>
  write(db, id, async (em, mirrored) => {
    Object.assign(mirrored, { paypalId, status, dueMinor: due?.amountMinor ?? null, payerUrl, failureType: null, failureMessage: null });
    if (status !== "PAID" && status !== "MARKED_AS_PAID") return;
    const invoice = await em.findOneOrFail(Invoice, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (invoice.status === "issued") await payInvoice(em, id, "service:payment");
  });

/** Writes why it does not go on: for good (FAILED), or until it is tried again. */
export const stuck = (db: Database, id: string, failure: { type: string; message: string }, forGood: boolean): Promise<PaypalInvoiceRow> =>
  write(db, id, (_em, mirrored) => {
    Object.assign(mirrored, { failureType: failure.type, failureMessage: failure.message, ...(forGood && { status: "FAILED" }) });
  });

/** Why PayPal did not do it. */
export const failureOf = (answer: Exclude<Outcome<unknown>, { outcome: "ok" }>): { type: string; message: string } =>
  answer.outcome === "refused"
    ? { type: answer.issue, message: answer.detail }
    : { type: "INVOICE_UNCONFIRMED", message: `PayPal has not confirmed it yet: ${answer.reason}.` };

/** Refusals that are about the state in which the invoice is at PayPal. */
const aboutState = /^(CANNOT_(CANCEL|REMIND|SEND)_|INVOICE_CANCELED_ALREADY)/;

/** What a caller is told when PayPal refuses, or nobody can say what it did. */
export function refusalOf(answer: Exclude<Outcome<unknown>, { outcome: "ok" }>, id: string) {
  if (answer.outcome === "unknown")
    return errors.gatewayUnavailable(`PayPal could not be asked, or its answer was lost: ${answer.reason}.`, { id });
  const { issue, detail } = answer;
  const tell = aboutState.test(issue) ? errors.invoiceState : errors.paypalInvoiceRefused;
  return tell(`PayPal refused: ${detail}`, { id, issue });
}
