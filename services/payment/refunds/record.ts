import { Capture, type CaptureRow } from "../../../entities/Capture.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { Refund, type RefundRow } from "../../../entities/Refund.ts";
import type { Em } from "../../../mixins/database.ts";
import { kept, settledOf } from "../captures.ts";
import type { RefundView } from "../gateway/gateway.ts";
import { isUuid } from "../ids.ts";
import { postRefund, postReversal } from "../ledger/post.ts";
import { readAmount, type Currency } from "../money.ts";
import { after, firstRefund, refundTable } from "../moves.ts";
import { restate } from "../restate.ts";
import { tellRefund } from "../tell.ts";

/** An e-check takes days; a bank's refusal comes at once. */
const firstLookMs = 60_000;

export interface Found {
  /** The row that stood before PayPal was asked, where this is its answer. */
  asked?: string;
  kind?: RefundRow["kind"];
}

/**
 * Writes down what PayPal says of a refund, whoever made it: its row, the books, the payment's state and the event, in the caller's
 * transaction. The one place for it: what is known by PayPal's id, or by the name that we gave it, is not written a second time, and an
 * amount is that of this refund, never the total. The payment's row must be locked.
 * @returns null when the capture that it gives back is not known here, or PayPal did not say how much it is
 */
export async function recordRefund(em: Em, payment: PaymentRow, view: RefundView, of: Found = {}): Promise<RefundRow | null> {
  const capture = await captureOf(em, payment, view);
  const known = await find(em, payment, view, of.asked);
  const status = known ? after(refundTable, known.status, view.status) : firstRefund(view.status);
  const amount = readAmount(view.amount, view.currency);
  if (!known && (!capture || !status || !amount)) return null;
  const refund = known ?? begin(em, payment, capture!, of.kind);
  if (status) refund.status = status;
  const gross = amount ?? { amountMinor: refund.amountMinor, currency: refund.currency as Currency };
  const { feeMinor, ...settled } = kept(view, gross);
  Object.assign(refund, gross, settled, {
    paypalId: view.id,
    paypalStatus: view.status,
    reason: view.reason,
    ...(feeMinor != null && { feeReturnedMinor: feeMinor }),
    ...(view.total && { totalMinor: view.total.amountMinor }),
  });
  if (status === "pending") Object.assign(refund, { checks: 0, nextCheckAt: new Date(Date.now() + firstLookMs), givenUpAt: null });
  if (refund.status !== "requested" && refund.status !== "pending") refund.nextCheckAt = refund.givenUpAt = null;
  if (refund.status === "completed") {
    refund.completedAt ??= view.at ?? new Date();
    await book(em, refund, capture ?? (await em.findOneOrFail(Capture, { id: refund.captureId })));
  }
  await restate(em, payment);
  if (status && status !== "pending") await tellRefund(em, payment, refund);
  return refund;
}

/** The capture in the link of a refund; the only one of its payment where PayPal names none. */
async function captureOf(em: Em, { id: paymentId, tenantId }: PaymentRow, { captureId: paypalId }: RefundView): Promise<CaptureRow | null> {
  const captures = await em.find(Capture, { tenantId, paymentId, ...(paypalId !== null && { paypalId }) }, { limit: 2 });
  return captures.length === 1 ? captures[0]! : null;
}

async function find(
  em: Em,
  { id: paymentId, tenantId }: PaymentRow,
  { id: paypalId, invoiceId }: RefundView,
  asked: string | undefined,
): Promise<RefundRow | null> {
  const known = await em.findOne(Refund, { tenantId, paymentId, paypalId });
  const ours = asked ?? (invoiceId !== null && isUuid(invoiceId) ? invoiceId : null);
  return known ?? (ours === null ? null : await em.findOne(Refund, { tenantId, paymentId, id: ours, paypalId: null }));
}

function begin(em: Em, { id: paymentId, tenantId }: PaymentRow, { id: captureId }: CaptureRow, kind: Found["kind"] = "refund"): RefundRow {
  const refund = em.create(Refund, {
    tenantId,
    paymentId,
    captureId,
    kind,
    origin: "paypal",
    amountMinor: 0n,
    currency: "",
    status: "requested",
    createdAt: new Date(),
  });
  em.persist(refund);
  return refund;
}

const book = (em: Em, refund: RefundRow, capture: CaptureRow) =>
  (refund.kind === "reversal" ? postReversal : postRefund)(em, {
    tenantId: refund.tenantId,
    paymentId: refund.paymentId,
    objectId: refund.paypalId!,
    captureId: capture.paypalId!,
    at: refund.completedAt!,
    gross: { amountMinor: refund.amountMinor, currency: refund.currency as Currency },
    feeReturned: refund.feeReturnedMinor ?? null,
    settled: settledOf(refund),
    ours: refund.origin === "here",
  });
