import { LockMode } from "@mikro-orm/core";
import { Invoice } from "../../../entities/Invoice.ts";
import { PaypalInvoice, type PaypalInvoiceRow } from "../../../entities/PaypalInvoice.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import type { InvoiceView } from "../gateway/invoicing.ts";
import { payInvoice } from "../invoices/issue.ts";
import { waitMs } from "../schedule.ts";
import type { PayPal, Till } from "../till.ts";
import { bookMoney, readMoney } from "./money.ts";

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
/** Its money came, whatever went back since. */
const paid = new Set(["PAID", "MARKED_AS_PAID", "PARTIALLY_REFUNDED", "REFUNDED", "MARKED_AS_REFUNDED"]);
/** What webhooks tell of; a look now and then finds what they did not. */
const quarterDay = 6 * 3_600_000;
/** What has to be finished soon. */
const begun = new Set(["CREATING", "DRAFT"]);

/** @param change says whether it has to be looked at again even if it is over */
async function write(
  db: Database,
  id: string,
  change: (em: Em, row: PaypalInvoiceRow) => Promise<boolean> | void,
): Promise<PaypalInvoiceRow> {
  return await db.system(async (em) => {
    const mirrored = await em.findOneOrFail(PaypalInvoice, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    const before = mirrored.status;
    const open = await change(em, mirrored);
    mirrored.checks = mirrored.status === before ? mirrored.checks + 1 : 0;
    mirrored.claimedUntil = null;
    const wait = waitMs(mirrored.checks, begun.has(mirrored.status) ? undefined : quarterDay);
    mirrored.nextCheckAt = over.has(mirrored.status) && open !== true ? null : new Date(Date.now() + wait);
    return mirrored;
  });
}

/** Reads what money it has moved, and writes how it stands at PayPal, with the books. What is paid there is paid here. */
export async function mirror({ db }: Till, paypal: PayPal, row: PaypalInvoiceRow, view: InvoiceView): Promise<PaypalInvoiceRow> {
  const { id: paypalId, status, due, payerUrl } = view;
  const money = await readMoney(db, paypal.payments, row, view);
  return await write(db, row.id, async (em, mirrored) => {
    Object.assign(mirrored, { paypalId, status, dueMinor: due?.amountMinor ?? null, payerUrl });
    Object.assign(mirrored, { failureType: money.failure?.type ?? null, failureMessage: money.failure?.message ?? null });
    await bookMoney(em, row, money);
    if (paid.has(status)) {
      const invoice = await em.findOneOrFail(Invoice, { id: row.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
      if (invoice.status === "issued") await payInvoice(em, row.id, "service:payment");
    }
    return money.open;
  });
}

/** Writes why it does not go on: for good (FAILED), or until it is tried again. */
export const stuck = (db: Database, id: string, failure: { type: string; message: string }, forGood: boolean): Promise<PaypalInvoiceRow> =>
  write(db, id, (_em, mirrored) => {
    Object.assign(mirrored, { failureType: failure.type, failureMessage: failure.message, ...(forGood && { status: "FAILED" }) });
  });
