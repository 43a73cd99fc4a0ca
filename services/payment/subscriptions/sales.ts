import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import { SubscriptionPayment, type SubscriptionPaymentRow } from "../../../entities/SubscriptionPayment.ts";
import type { Em } from "../../../mixins/database.ts";
import type { SaleRefund, SaleView } from "../gateway/billing.ts";
import { postCapture, postRefund, postReversal } from "../ledger/post.ts";
import { formatAmount, type Currency } from "../money.ts";
import { tell } from "./record.ts";

type SaleStatus = SubscriptionPaymentRow["status"];

/** PayPal's words of both its versions. */
const statuses: Record<string, SaleStatus> = {
  PENDING: "pending",
  COMPLETED: "completed",
  PARTIALLY_REFUNDED: "partially_refunded",
  REFUNDED: "refunded",
  REVERSED: "reversed",
  DECLINED: "declined",
  DENIED: "declined",
};
/** Whether money came, though it may have gone back since. */
const isPaid = (status: SaleStatus) => status !== "pending" && status !== "declined";

/** A later state is never overwritten by an earlier one: lists and webhooks come in any order. */
const ranks: Record<SaleStatus, number> = { pending: 0, declined: 1, completed: 2, partially_refunded: 3, refunded: 4, reversed: 5 };

/** Whether a payment is known to be as far as PayPal's word says, or further. */
export const isAsFar = ({ status }: Pick<SubscriptionPaymentRow, "status">, word: string): boolean => {
  const told = statuses[word];
  return told === undefined || ranks[status] >= ranks[told];
};

/**
 * Writes down a payment that PayPal shows. By its id it is one payment, told once and booked once, however often and in whatever order PayPal shows it.
 * The subscription's row must be locked.
 */
export async function recordSale(em: Em, subscription: SubscriptionRow, sale: SaleView): Promise<void> {
  const { tenantId, id: subscriptionId } = subscription;
  const status = statuses[sale.status];
  if (!status || sale.gross.amountMinor === 0n) return;
  const known = await em.findOne(SubscriptionPayment, { saleId: sale.id, subscriptionId });
  const wasPaid = known !== null && isPaid(known.status);
  const payment =
    known ??
    em.create(SubscriptionPayment, {
      tenantId,
      subscriptionId,
      saleId: sale.id,
      status,
      amountMinor: sale.gross.amountMinor,
      currency: sale.gross.currency,
      paidAt: sale.at,
    });
  if (ranks[status] > ranks[payment.status]) payment.status = status;
  if (sale.fee) payment.feeMinor = sale.fee.amountMinor;
  em.persist(payment);
  await em.flush();
  if (!isPaid(payment.status)) return;
  await postCapture(em, {
    ...factOf(payment),
    objectId: sale.id,
    at: sale.at,
    gross: sale.gross,
    fee: payment.feeMinor ?? null,
    settled: null,
  });
  if (wasPaid) return;
  if (!subscription.lastPaymentAt || sale.at > subscription.lastPaymentAt) subscription.lastPaymentAt = sale.at;
  await tell(em, subscription, "subscription.renewed", { payment: told(payment.saleId, sale.gross.amountMinor, payment.currency) });
}

/**
 * Writes down that a payment went back, whole or in part. By PayPal's id of the refund it counts once. The subscription's row must be locked.
 * @param kind a reversal is what PayPal or a bank took back by itself
 */
export async function recordSaleRefund(
  em: Em,
  subscription: SubscriptionRow,
  payment: SubscriptionPaymentRow,
  refund: SaleRefund,
  kind: "refund" | "reversal",
): Promise<void> {
  if (payment.refunds.some(({ id }) => id === refund.id)) return;
  payment.refunds = [...payment.refunds, { id: refund.id, amount: String(refund.amount.amountMinor), at: refund.at.toISOString() }];
  const sum = payment.refunds.reduce((total, { amount }) => total + BigInt(amount), 0n);
  payment.refundedMinor = sum > payment.amountMinor ? payment.amountMinor : sum;
  const isWhole = sum >= payment.amountMinor;
  const status = kind === "reversal" ? "reversed" : isWhole ? "refunded" : "partially_refunded";
  if (ranks[status] > ranks[payment.status]) payment.status = status;
  const post = kind === "reversal" ? postReversal : postRefund;
  const { id: objectId, at, amount: gross, fee } = refund;
  await post(em, {
    ...factOf(payment),
    captureId: payment.saleId,
    objectId,
    at,
    gross,
    feeReturned: fee?.amountMinor ?? null,
    settled: null,
  });
  // Nobody is entitled by a payment that went back.
  const isLatest = subscription.lastPaymentAt?.getTime() === payment.paidAt.getTime();
  if (isWhole && isLatest && subscription.paidUntil && subscription.paidUntil > refund.at) subscription.paidUntil = refund.at;
  await tell(em, subscription, "subscription.refunded", {
    payment: { ...told(payment.saleId, gross.amountMinor, payment.currency), refundId: objectId },
  });
}

const factOf = ({ tenantId, subscriptionId }: SubscriptionPaymentRow) => ({ tenantId, paymentId: null, subscriptionId });

const told = (saleId: string, amountMinor: bigint, currency: string) => ({
  saleId,
  amount: formatAmount(amountMinor, currency as Currency),
  currency,
});
