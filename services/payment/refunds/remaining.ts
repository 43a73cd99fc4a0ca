import { errors } from "../../../config/errors.ts";
import { Capture, type CaptureRow } from "../../../entities/Capture.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { Refund, type RefundRow } from "../../../entities/Refund.ts";
import type { Em } from "../../../mixins/database.ts";
import { amountFaults, formatAmount, parseAmount, type Currency, type Money } from "../money.ts";

export interface RefundWish {
  /** Decimal string; all that is left when left out. */
  amount?: string;
  currency?: string;
  /** PayPal's id of one of several captures. */
  captureId?: string;
}

/**
 * The capture to give back. The payment's row must be locked.
 * @throws PAYMENT_STATE_CONFLICT when nothing was captured, VALIDATION_FAILED when there are several and none is named
 */
export async function captureToRefund(em: Em, payment: PaymentRow, paypalId: string | undefined): Promise<CaptureRow> {
  const captures = await em.find(Capture, { tenantId: payment.tenantId, paymentId: payment.id }, { orderBy: { createdAt: "asc" } });
  const taken = captures.filter(({ status }) => status === "completed");
  if (taken.length === 0) {
    const waits = captures.some(({ status }) => status === "pending");
    const why = waits ? "PayPal still holds its money" : `it is ${payment.status}, and nothing of it was captured`;
    throw errors.paymentState(`This payment can't be refunded: ${why}.`, { id: payment.id, status: payment.status });
  }
  if (paypalId === undefined && taken.length > 1)
    throw errors.invalid([
      { pointer: "/captureId", detail: `must name one of ${taken.map((of) => of.paypalId).join(", ")}: it was captured in parts` },
    ]);
  const capture = paypalId === undefined ? taken[0] : taken.find((of) => of.paypalId === paypalId);
  if (!capture) throw errors.invalid([{ pointer: "/captureId", detail: "must be a capture of this payment that went through" }]);
  return capture;
}

const sum = (of: Pick<RefundRow, "amountMinor">[]) => of.reduce((total, { amountMinor }) => total + amountMinor, 0n);

/**
 * What has been given back of a capture, or is on its way: as it is known here, and by the latest total that PayPal has told. A total may count
 * refunds that failed afterwards; those are taken off.
 */
export function totals(refunds: Pick<RefundRow, "status" | "amountMinor" | "totalMinor" | "paypalId">[]): { known: bigint; told: bigint } {
  const isGood = ({ status }: Pick<RefundRow, "status">) => status === "completed" || status === "pending";
  const good = refunds.filter(isGood);
  const told = good.reduce((most, { totalMinor }) => ((totalMinor ?? 0n) > most ? totalMinor! : most), 0n);
  const failed = refunds.filter((refund) => refund.paypalId != null && !isGood(refund));
  return { known: sum(good), told: told - sum(failed) };
}

/**
 * What is left to give back of a capture. Whatever is under way is reserved; where PayPal's own total says more than is known here, the
 * total counts. The payment's row must be locked.
 */
export async function remaining(em: Em, capture: CaptureRow): Promise<Money> {
  const refunds = await em.find(Refund, { captureId: capture.id });
  const requested = refunds.filter(({ status }) => status === "requested");
  const { known, told } = totals(refunds);
  // A total may count what PayPal has done already and nobody has written down yet: it is one of those that are requested.
  const taken = known + sum(requested);
  const left = capture.amountMinor - (told > taken ? told : taken);
  return { amountMinor: left > 0n ? left : 0n, currency: capture.currency as Currency };
}

/**
 * How much a wish wants back.
 * @throws VALIDATION_FAILED for what is no amount in the capture's currency, REFUND_AMOUNT_EXCEEDED for more than is left
 */
export function amountToRefund(wish: RefundWish, left: Money): Money {
  const { currency } = left;
  const asked = wish.currency ?? currency;
  const faults = wish.amount === undefined ? amountFaults("1", asked) : amountFaults(wish.amount, asked);
  if (faults.length === 0 && asked !== currency)
    faults.push({ pointer: "/currency", detail: `must be ${currency}, as it was captured; ${asked} came` });
  const amountMinor = faults.length ? 0n : wish.amount === undefined ? left.amountMinor : parseAmount(wish.amount, currency);
  if (faults.length === 0 && wish.amount !== undefined && amountMinor === 0n)
    faults.push({ pointer: "/amount", detail: "must be more than zero" });
  if (faults.length) throw errors.invalid(faults);
  if (amountMinor === 0n || amountMinor > left.amountMinor) {
    const remaining = formatAmount(left.amountMinor, currency);
    throw errors.refundExceeds(
      left.amountMinor === 0n
        ? "Nothing is left to refund: all of it was given back, or is on its way."
        : `At most ${remaining} ${currency} can be refunded; ${formatAmount(amountMinor, currency)} was asked for.`,
      { remaining, currency },
    );
  }
  return { amountMinor, currency };
}
