import type { PaypalInvoiceRow } from "../../../entities/PaypalInvoice.ts";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import { kept } from "../captures.ts";
import type { CaptureView, Outcome, RefundView } from "../gateway/gateway.ts";
import type { InvoiceView } from "../gateway/invoicing.ts";
import type { PaymentsGateway } from "../gateway/payments.ts";
import { postCapture, postRefund, postReversal } from "../ledger/post.ts";
import { lockInvoice } from "../invoices/drafts.ts";
import { tell } from "../invoices/events.ts";
import { formatAmount, readAmount } from "../money.ts";
import { failureOf } from "./refusals.ts";

type Row = Pick<PaypalInvoiceRow, "id" | "tenantId">;

/** What PayPal says of the money that an invoice has moved, as far as it is not in the books to its end. */
export interface InvoiceMoney {
  captures: CaptureView[];
  refunds: RefundView[];
  /** Whether something of it is on its way, or could not be read: it has to be looked at again. */
  open: boolean;
  /** Why something could not be read. */
  failure: { type: string; message: string } | null;
}

/**
 * Reads each capture and refund of an invoice that the books do not have with its fee yet. What PayPal can't show as a capture or refund is left to the
 * comparison of the books, which writes down what PayPal's report says.
 */
export async function readMoney(
  db: Database,
  payments: PaymentsGateway,
  { id, tenantId }: Row,
  { captureIds, refundIds }: InvoiceView,
): Promise<InvoiceMoney> {
  const money: InvoiceMoney = { captures: [], refunds: [], open: false, failure: null };
  if (captureIds.length + refundIds.length === 0) return money;
  const booked = await db.tenant(tenantId, (em) => bookedWhole(em, tenantId, id));
  const read = async <T extends { status: string }>(answering: Promise<Outcome<T>>, into: T[]): Promise<void> => {
    const answer = await answering;
    if (answer.outcome === "ok") {
      into.push(answer.value);
      money.open ||= answer.value.status === "PENDING";
    } else if (answer.outcome === "unknown" || answer.httpStatus !== 404) {
      money.open = true;
      money.failure = failureOf(answer);
    }
  };
  for (const captureId of captureIds) if (!booked.has(captureId)) await read(payments.getCapture(captureId), money.captures);
  for (const refundId of refundIds) if (!booked.has(refundId)) await read(payments.getRefund(refundId), money.refunds);
  const [only, ...others] = captureIds;
  const fallback = others.length === 0 ? (only ?? null) : null;
  money.refunds = money.refunds.map((refund) => ({ ...refund, captureId: refund.captureId ?? fallback }));
  return money;
}

/** PayPal's ids of what is in the books with what PayPal kept of it. */
async function bookedWhole(em: Em, tenantId: string, invoiceId: string): Promise<Set<string>> {
  const found = await rows<{ id: string }>(
    em,
    `select object_id as id from payment.ledger_entries where tenant_id = ? and invoice_id = ? and kind in ('capture_fee', 'refund_fee', 'reversal_fee')`,
    [tenantId, invoiceId],
  );
  return new Set(found.map(({ id }) => id));
}

/** Books what moved, each once however often it is told: see ledger/post.ts. */
export async function bookMoney(em: Em, of: Row, { captures, refunds }: Pick<InvoiceMoney, "captures" | "refunds">): Promise<void> {
  for (const capture of captures) await bookCapture(em, of, capture);
  for (const refund of refunds) await bookRefund(em, of, refund, "refund");
}

/** Money came, whatever went back since. */
const isTaken = new Set(["COMPLETED", "PARTIALLY_REFUNDED", "REFUNDED"]);

/** @returns whether it is money that came */
export async function bookCapture(em: Em, { id: invoiceId, tenantId }: Row, view: CaptureView): Promise<boolean> {
  const gross = readAmount(view.amount, view.currency);
  if (!gross || !isTaken.has(view.status)) return false;
  await postCapture(em, {
    ...{ tenantId, paymentId: null, invoiceId, objectId: view.id, at: view.at ?? new Date(), gross },
    ...{ fee: kept(view, gross).feeMinor ?? null, settled: view.settled },
  });
  return true;
}

/** @param kind a reversal is what PayPal or a bank took back by itself; both are told once @returns whether it is money that went back */
export async function bookRefund(
  em: Em,
  { id: invoiceId, tenantId }: Row,
  view: RefundView,
  kind: "refund" | "reversal",
): Promise<boolean> {
  const { captureId, settled } = view;
  const gross = readAmount(view.amount, view.currency);
  if (!gross || captureId === null || view.status !== "COMPLETED") return false;
  const invoice = await lockInvoice(em, invoiceId);
  const known = await row<{ kind: typeof kind }>(
    em,
    `select kind from payment.ledger_entries where tenant_id = ? and object_id = ? and kind in ('refund', 'reversal')`,
    [tenantId, view.id],
  );
  // A webhook calls a reversal a refund where the report does not, and the books tell entries apart by their kind: what it was booked as first, it stays.
  const post = (known?.kind ?? kind) === "reversal" ? postReversal : postRefund;
  await post(em, {
    ...{ tenantId, paymentId: null, invoiceId, objectId: view.id, captureId, at: view.at ?? new Date(), gross },
    ...{ feeReturned: kept(view, gross).feeMinor ?? null, settled },
  });
  if (known) return true;
  const refunded = formatAmount(gross.amountMinor, gross.currency);
  await tell(em, invoice, "invoice.refunded", "service:payment", { refundId: view.id, refunded });
  return true;
}
