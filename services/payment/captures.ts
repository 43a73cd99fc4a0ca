import { Authorization } from "../../entities/Authorization.ts";
import { Capture, type CaptureRow } from "../../entities/Capture.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import type { Em } from "../../mixins/database.ts";
import type { Breakdown, CaptureView } from "./gateway/gateway.ts";
import { isUuid } from "./ids.ts";
import { postCapture } from "./ledger/post.ts";
import { readAmount, type Currency, type Money } from "./money.ts";
import { after, captureTable, firstCapture } from "./moves.ts";
import { mark, restate } from "./restate.ts";
import { tellCapture } from "./tell.ts";

/** A review takes hours, an e-check days. What belongs to an order is looked at with its payment. */
const firstLookMs = 60_000;

/**
 * Writes down what PayPal says of a capture: its row, what PayPal kept of it, the books, the payment's state and the event, in the caller's
 * transaction. The one place for it; a repeat changes nothing, and what is learnt later (a fee, the end of a hold) is added. The payment's
 * row must be locked.
 */
export async function recordCapture(em: Em, payment: PaymentRow, view: CaptureView): Promise<void> {
  const known = await find(em, payment, view);
  const amount = amountOf(view, known ?? payment);
  if (!amount) {
    const message = `PayPal captured ${view.amount} ${view.currency}, which is not what was asked for.`;
    return mark(payment, { type: "CAPTURE_AMOUNT_DIFFERS", message });
  }
  const status = known ? after(captureTable, known.status, view.status) : firstCapture(view.status);
  if (!known && !status) return;
  const capture = known ?? (await begin(em, payment, view));
  const completes = status === "completed";
  if (status) capture.status = status;
  Object.assign(capture, {
    paypalId: view.id,
    amountMinor: amount.amountMinor,
    currency: amount.currency,
    paypalStatus: view.status,
    reason: view.reason,
    capturedAt: capture.capturedAt ?? view.at ?? new Date(),
    ...kept(view, amount),
  });
  if (capture.status === "pending" && payment.intent === "authorize") capture.nextCheckAt ??= new Date(Date.now() + firstLookMs);
  else if (capture.status !== "requested") capture.nextCheckAt = capture.givenUpAt = null;
  if (capture.status === "completed") await book(em, payment, capture, amount);
  await restate(em, payment);
  // A capture of another amount than was asked for is in the books, but nobody shall take it for the payment.
  if (completes && payment.status !== "held") await tellCapture(em, payment, capture);
}

/** By PayPal's id, or the row that stood before PayPal was asked. */
const find = (em: Em, { id: paymentId, tenantId }: PaymentRow, { id: paypalId, invoiceId }: CaptureView): Promise<CaptureRow | null> =>
  em.findOne(Capture, {
    tenantId,
    paymentId,
    $or: [{ paypalId }, ...(invoiceId && isUuid(invoiceId) ? [{ id: invoiceId, paypalId: null }] : [])],
  });

/** A capture that nobody here has asked for as such: of an order, or made at PayPal's website. */
async function begin(
  em: Em,
  { id: paymentId, tenantId }: PaymentRow,
  { authorizationId: paypalId, final }: CaptureView,
): Promise<CaptureRow> {
  const authorization = paypalId ? await em.findOne(Authorization, { tenantId, paypalId }) : null;
  const capture = em.create(Capture, {
    tenantId,
    paymentId,
    authorizationId: authorization?.id ?? null,
    final,
    amountMinor: 0n,
    currency: "",
    status: "requested",
    createdAt: new Date(),
  });
  em.persist(capture);
  return capture;
}

/** What was captured; as asked for where PayPal leaves it out, null where it can't be read. */
function amountOf({ amount, currency }: CaptureView, asked: Pick<PaymentRow, "amountMinor" | "currency">): Money | null {
  if (amount === null) return { amountMinor: asked.amountMinor, currency: asked.currency as Currency };
  return readAmount(amount, currency ?? asked.currency);
}

/** What PayPal has said of fee and balance; nothing where it has not, so that it stays as it is known. */
export function kept({ fee, net, settled }: Breakdown, gross: Money): Partial<Pick<CaptureRow, "feeMinor" | "netMinor" | SettledColumn>> {
  const netMinor = net?.currency === gross.currency ? net.amountMinor : null;
  const feeMinor = netMinor !== null ? gross.amountMinor - netMinor : fee?.currency === gross.currency ? fee.amountMinor : null;
  return {
    ...(netMinor !== null && { netMinor }),
    ...(feeMinor !== null && { feeMinor }),
    ...(settled && { settledMinor: settled.net.amountMinor, settledCurrency: settled.net.currency, exchangeRate: settled.rate }),
  };
}
type SettledColumn = "settledMinor" | "settledCurrency" | "exchangeRate";

/** What arrived in a balance of another currency, as the books want it. */
export const settledOf = ({ settledMinor, settledCurrency, exchangeRate }: Pick<CaptureRow, SettledColumn>) =>
  settledMinor != null && settledCurrency != null && exchangeRate != null
    ? { net: { amountMinor: settledMinor, currency: settledCurrency as Currency }, rate: exchangeRate }
    : null;

const book = (em: Em, { method }: PaymentRow, capture: CaptureRow, gross: Money) =>
  postCapture(em, {
    tenantId: capture.tenantId,
    paymentId: capture.paymentId,
    objectId: capture.paypalId!,
    at: capture.capturedAt!,
    gross,
    fee: capture.feeMinor ?? null,
    settled: settledOf(capture),
    method,
  });
