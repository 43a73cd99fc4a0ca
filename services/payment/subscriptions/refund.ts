import { v7 as uuidv7 } from "uuid";
import { errors } from "../../../config/errors.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import type { SubscriptionAttemptRow } from "../../../entities/SubscriptionAttempt.ts";
import { SubscriptionPayment, type SubscriptionPaymentRow } from "../../../entities/SubscriptionPayment.ts";
import { describeAct } from "../../../mixins/act.ts";
import { openDisputeOf } from "../disputes/disputes.ts";
import type { Outcome, RefundView } from "../gateway/gateway.ts";
import { paymentsGateway } from "../gateway/payments.ts";
import { amountFaults, formatAmount, parseAmount, readAmount, type Currency } from "../money.ts";
import type { Till } from "../till.ts";
import { announce, askedBefore, closeAttempt, openAttempts, type Keyed } from "./attempts.ts";
import { whatBecame } from "./forgotten.ts";
import { unconfirmed } from "./issues.ts";
import { connectionOf, exclusively } from "./look.ts";
import { writing } from "./record.ts";
import { recordSaleRefund } from "./sales.ts";

export interface SaleRefundWish {
  /** PayPal's id of the payment. */
  saleId: string;
  /** Decimal string in the payment's currency; all that is left when left out. */
  amount?: string;
  /** For the payer. */
  note?: string;
}

/** What is asked, kept with the attempt so that it can be asked again: the amount in minor units, as a string. */
interface RefundRequest extends Keyed {
  saleId: string;
  amountMinor: string;
  note: string | null;
  /** What PayPal calls it by our wish; it refuses a second one of that name. */
  refundId: string;
}

/**
 * Gives back a payment of a subscription, or a part of it. One at a time: what is left is known when it is asked for, and the same PayPal-Request-Id is
 * used until PayPal has answered. A repeat under the same Idempotency-Key gives nothing back a second time. A refund that PayPal holds back (an e-check) is written down when PayPal tells that it went through.
 * @throws PAYMENT_NOT_FOUND, PAYMENT_STATE_CONFLICT, PAYMENT_DISPUTED, REFUND_AMOUNT_EXCEEDED, VALIDATION_FAILED, CONFLICT while an earlier one is
 *   unanswered, REFUND_REFUSED with PayPal's issue, PAYMENT_GATEWAY_UNAVAILABLE (the sweeper finds out)
 */
export function refundSale(till: Till, id: string, wish: SaleRefundWish, key: string | null = null): Promise<SubscriptionPaymentRow> {
  return exclusively(till, id, async (_gateway, subscription) => {
    const earlier = await till.db.system((em) => askedBefore(em, id, "refund", { key, wish }));
    if (earlier?.outcome === "ok") return (await find(till, subscription, wish.saleId))!;
    const open = await unanswered(till, id);
    const asked = open?.request as RefundRequest | undefined;
    const forgotten = open && isForgotten(open) ? await settle(till, subscription, open) : null;
    if (forgotten === "made" && asks(asked!, wish, subscription)) return (await find(till, subscription, wish.saleId))!;
    if (forgotten === "unknown") throw unansweredYet(asked!);
    const request = await requestOf(till, subscription, wish, key, forgotten === null ? asked : undefined);
    describeAct({ details: { saleId: request.saleId, amountMinor: request.amountMinor, currency: subscription.currency } });
    const answer = await send(till, subscription, request);
    if (answer.outcome === "refused")
      throw errors.refundRefused(`PayPal refused the refund: ${answer.detail}`, {
        subscriptionId: id,
        saleId: wish.saleId,
        issue: answer.issue,
      });
    if (answer.outcome === "unknown") throw unconfirmed(answer, { subscriptionId: id, saleId: wish.saleId });
    return (await find(till, subscription, wish.saleId))!;
  });
}

const find = (till: Till, { id: subscriptionId }: SubscriptionRow, saleId: string): Promise<SubscriptionPaymentRow | null> =>
  till.db.system((em) => em.findOne(SubscriptionPayment, { subscriptionId, saleId }));

const unanswered = async (till: Till, id: string): Promise<SubscriptionAttemptRow | undefined> =>
  (await till.db.system((em) => openAttempts(em, id))).find(({ operation }) => operation === "refund");

const isForgotten = ({ keyExpiresAt }: SubscriptionAttemptRow) => keyExpiresAt!.getTime() <= Date.now();

/** Finds out what became of a refund without an answer that can't be asked for under its id any more. */
async function settle(till: Till, subscription: SubscriptionRow, open: SubscriptionAttemptRow): Promise<"made" | "not_made" | "unknown"> {
  const { saleId } = open.request as RefundRequest;
  return await whatBecame(till, subscription, (await find(till, subscription, saleId))!, open);
}

/** Whether what was asked for is what is wished now. */
const asks = (open: RefundRequest, { saleId, amount }: SaleRefundWish, { currency }: Pick<SubscriptionRow, "currency">): boolean =>
  open.saleId === saleId &&
  (amount === undefined || (amountFaults(amount, currency).length === 0 && BigInt(open.amountMinor) === parseAmount(amount, currency)));

const unansweredYet = ({ saleId }: RefundRequest) =>
  errors.conflict("PayPal has not answered an earlier refund yet; what became of it is being looked for.", { saleId });

/** What to ask for: what is unanswered once more, or something new that is checked before. */
async function requestOf(
  till: Till,
  subscription: SubscriptionRow,
  wish: SaleRefundWish,
  key: string | null,
  open: RefundRequest | undefined,
): Promise<RefundRequest> {
  const { saleId, amount, note = null } = wish;
  const payment = await find(till, subscription, saleId);
  if (!payment) throw errors.paymentNotFound("There is no such payment of this subscription.", { subscriptionId: subscription.id, saleId });
  const currency = payment.currency as Currency;
  if (amount !== undefined) {
    const faults = amountFaults(amount, currency);
    if (faults.length === 0 && parseAmount(amount, currency) === 0n) faults.push({ pointer: "/amount", detail: "must be more than zero" });
    if (faults.length) throw errors.invalid(faults);
  }
  const left = payment.amountMinor - payment.refundedMinor;
  const wanted = amount === undefined ? left : parseAmount(amount, currency);
  if (open) {
    if (asks(open, wish, payment)) return open;
    throw unansweredYet(open);
  }
  if (payment.status !== "completed" && payment.status !== "partially_refunded")
    throw errors.paymentState(`This payment can't be refunded: it is ${payment.status}.`, { saleId, status: payment.status });
  const dispute = await till.db.system((em) => openDisputeOf(em, payment.tenantId, saleId));
  if (dispute)
    throw errors.paymentDisputed("The payer disputes this payment: answer the dispute, or accept it.", { disputeId: dispute.id });
  if (wanted > left) {
    const remaining = formatAmount(left, currency);
    throw errors.refundExceeds(`There are ${remaining} ${currency} left to refund.`, { saleId, remaining, currency });
  }
  return { saleId, amountMinor: String(wanted), note, refundId: uuidv7(), key, wish };
}

/** Asks PayPal and writes down what it says. */
async function send(till: Till, subscription: SubscriptionRow, request: RefundRequest): Promise<Outcome<RefundView>> {
  const payments = paymentsGateway(await connectionOf(till, subscription));
  const attempt = await announce(till.db, "subscriptions", subscription, "refund", request, payments.requestIdLifetimeMs);
  const { saleId, refundId, note } = request;
  const amount = { amountMinor: BigInt(request.amountMinor), currency: subscription.currency as Currency };
  const answer = await payments.refund(saleId, { refundId, amount, note }, attempt.requestId!);
  await writing(till.db, subscription.id, null, async (em, locked) => {
    await closeAttempt(em, attempt.id, answer);
    if (answer.outcome !== "ok" || answer.value.status !== "COMPLETED") return;
    const { id, at, fee, amount: given, currency } = answer.value;
    const payment = await em.findOneOrFail(SubscriptionPayment, { saleId });
    const refunded = { id, saleId, amount: readAmount(given, currency) ?? amount, fee, at: at ?? new Date() };
    await recordSaleRefund(em, locked, payment, refunded, "refund");
  });
  return answer;
}

/** Takes up a refund without an answer: asked for again under the same id, which PayPal remembers for 45 days, and looked for after that. For the sweeper. */
export async function takeUpRefund(till: Till, subscription: SubscriptionRow): Promise<void> {
  const open = await unanswered(till, subscription.id);
  if (!open) return;
  if (isForgotten(open)) await settle(till, subscription, open);
  else await send(till, subscription, open.request as RefundRequest);
}
