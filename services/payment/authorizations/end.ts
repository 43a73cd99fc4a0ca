import type { Principal } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import { Authorization, type AuthorizationRow } from "../../../entities/Authorization.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { closeAttempt, openAttempt } from "../attempts.ts";
import { lockPayment } from "../claim.ts";
import type { AuthorizationView, Outcome } from "../gateway/gateway.ts";
import { formatAmount, type Currency, type Money } from "../money.ts";
import { after, authorizationTable } from "../moves.ts";
import { readPayment } from "../payments.ts";
import { recordOrder } from "../record.ts";
import { restate } from "../restate.ts";
import type { PayPal, Till } from "../till.ts";
import { amountOfReserved, lockReserved, sumOf, type AmountWish } from "./held.ts";
import { recordAuthorization } from "./record.ts";

/** An authorization that is about to be voided or authorised again, and the attempt that stands already. */
interface Opened {
  authorization: AuthorizationRow;
  orderId: string;
  attempt: { id: string; requestId: string };
}

/**
 * Gives back what is reserved for a payment; what was captured of it stays. A repeat changes nothing.
 * @throws PAYMENT_NOT_FOUND, PAYMENT_STATE_CONFLICT, AUTHORIZATION_REFUSED with PayPal's issue, PAYMENT_GATEWAY_UNAVAILABLE when PayPal's answer was
 *   lost and it does not look voided: a repeat asks again under the same request id
 */
export async function voidReserved(till: Till, { tenantId }: Principal, id: string): Promise<PaymentRow> {
  const { status, accountId } = await readPayment(till.db, tenantId, id);
  if (status === "voided") return readPayment(till.db, tenantId, id);
  const paypal = await till.paypal(tenantId, accountId);
  const { root, ...opened } = await till.db.tenant(tenantId, async (em) => {
    const { payment, authorization, captures } = await lockReserved(em, tenantId, id);
    if (captures.some((capture) => capture.status === "requested"))
      throw errors.paymentState("A capture of this payment is under way.", { id, status: payment.status });
    // PayPal voids one that replaces another by the first.
    const root = authorization.replaces == null ? authorization : await em.findOneOrFail(Authorization, { id: authorization.replaces });
    const attempt = await open(em, payment, authorization, "void", { of: root.paypalId }, paypal);
    return { authorization, root, orderId: payment.paypalPaymentId!, attempt };
  });
  const answer = await paypal.payments.void(root.paypalId, opened.attempt.requestId);
  return conclude(till.db, paypal, opened, answer, async (em, payment, row) => {
    if (answer.outcome !== "ok") return;
    row.status = after(authorizationTable, row.status, "VOIDED") ?? row.status;
    row.nextCheckAt = row.givenUpAt = null;
    await restate(em, payment);
  });
}

/**
 * Has PayPal keep the money ready for three days more, once, when the first three are over.
 * @throws as `voidReserved`, and VALIDATION_FAILED, CAPTURE_AMOUNT_EXCEEDED for another amount than PayPal takes
 */
export async function authorizeAgain(till: Till, { tenantId }: Principal, wish: AmountWish & { id: string }): Promise<PaymentRow> {
  const { accountId } = await readPayment(till.db, tenantId, wish.id);
  const paypal = await till.paypal(tenantId, accountId);
  const { amount, ...opened } = await till.db.tenant(tenantId, async (em) => {
    const { payment, authorization, captures } = await lockReserved(em, tenantId, wish.id);
    const amount = amountAgain(payment, authorization, wish, sumOf(captures));
    const told = { of: authorization.paypalId, amount: formatAmount(amount.amountMinor, amount.currency), currency: amount.currency };
    const attempt = await open(em, payment, authorization, "reauthorize", told, paypal);
    return { authorization, amount, orderId: payment.paypalPaymentId!, attempt };
  });
  const answer = await paypal.payments.reauthorize(opened.authorization.paypalId, amount, opened.attempt.requestId);
  return conclude(till.db, paypal, opened, answer, async (em, payment) => {
    if (answer.outcome === "ok") await recordAuthorization(em, payment, answer.value);
  });
}

function amountAgain({ id, status }: PaymentRow, authorization: AuthorizationRow, wish: AmountWish, taken: bigint): Money {
  const { honoredUntil, replaces } = authorization;
  if (replaces != null) throw errors.paymentState("PayPal authorises a payment again once only.", { id, status });
  if (honoredUntil.getTime() > Date.now()) {
    const from = honoredUntil.toISOString();
    throw errors.paymentState(`PayPal keeps the money ready until ${from}: it can be authorised again from then on.`, { id, status, from });
  }
  const { currency } = authorization;
  const rest = { amount: formatAmount(authorization.amountMinor - taken, currency as Currency), currency };
  return amountOfReserved({ ...rest, ...wish }, authorization, 0n);
}

async function open(
  em: Em,
  { id: paymentId, tenantId }: PaymentRow,
  { id: objectId }: AuthorizationRow,
  operation: "void" | "reauthorize",
  request: object,
  { payments }: PayPal,
) {
  describeAct({ object: `payment:${paymentId}` });
  return openAttempt(em, { tenantId, paymentId, objectId }, operation, request, payments.requestIdLifetimeMs);
}

/** Records what PayPal said, and what its order shows now: whether it was done after all where the answer was lost or a refusal. */
async function conclude(
  db: Database,
  paypal: PayPal,
  { authorization: { id, paymentId }, orderId, attempt }: Opened,
  answer: Outcome<{ authorization: AuthorizationView | null } | AuthorizationView>,
  write: (em: Em, payment: PaymentRow, authorization: AuthorizationRow) => Promise<void>,
): Promise<PaymentRow> {
  const look = await paypal.orders.getOrder(orderId);
  const { payment, isOpen } = await db.system(async (em) => {
    const payment = await lockPayment(em, paymentId);
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id: paymentId });
    const authorization = await em.findOneOrFail(Authorization, { id });
    await closeAttempt(em, attempt.id, answer);
    await write(em, payment, authorization);
    if (look.outcome === "ok") await recordOrder(em, payment, look.value);
    return { payment, isOpen: after(authorizationTable, authorization.status, "reauthorized") !== null };
  });
  if (answer.outcome === "refused" && isOpen)
    throw errors.authorizationRefused(`PayPal refused it: ${answer.detail}`, { id: paymentId, issue: answer.issue });
  if (answer.outcome === "unknown" && isOpen)
    throw errors.gatewayUnavailable(`PayPal has not confirmed it (${answer.reason}); the same request again finds out.`, { id: paymentId });
  return payment;
}
