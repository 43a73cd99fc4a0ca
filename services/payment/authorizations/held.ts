import { errors } from "../../../config/errors.ts";
import type { AuthorizationRow } from "../../../entities/Authorization.ts";
import { Capture, type CaptureRow } from "../../../entities/Capture.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import type { Em } from "../../../mixins/database.ts";
import { lockPayment } from "../claim.ts";
import { amountFaults, formatAmount, parseAmount, type Currency, type Money } from "../money.ts";
import { openAuthorization } from "./record.ts";

export interface AmountWish {
  /** Decimal string; all that is left when left out. */
  amount?: string;
  currency?: string;
}

/**
 * A payment with money that is reserved, its row locked.
 * @throws PAYMENT_NOT_FOUND, PAYMENT_STATE_CONFLICT
 */
export async function lockReserved(
  em: Em,
  tenantId: string,
  id: string,
): Promise<{ payment: PaymentRow; authorization: AuthorizationRow; captures: CaptureRow[] }> {
  const payment = await lockPayment(em, id);
  if (payment?.tenantId !== tenantId) throw errors.paymentNotFound("There is no such payment.", { id });
  const state = { id, status: payment.status };
  const authorization = await openAuthorization(em, id);
  if (!authorization) throw errors.paymentState(`No money is reserved for this payment: it is ${payment.status}.`, state);
  if (authorization.expiresAt.getTime() <= Date.now())
    throw errors.paymentState(`The authorization ended at ${authorization.expiresAt.toISOString()}.`, state);
  const captures = await em.find(Capture, { paymentId: id, status: ["requested", "pending", "completed"] });
  if (captures.some(({ status, final }) => status === "requested" && final))
    throw errors.paymentState("The last capture of this payment is under way.", state);
  return { payment, authorization, captures };
}

/** PayPal captures, and authorises again, up to 115 % of what was authorised. Source: Payments v2. */
const mostOf = ({ amountMinor }: AuthorizationRow) => (amountMinor * 115n) / 100n;

/**
 * How much is wanted of what is reserved.
 * @param taken what was captured of it, or is under way
 * @throws VALIDATION_FAILED for what is no amount in its currency, CAPTURE_AMOUNT_EXCEEDED for more than PayPal gives
 */
export function amountOfReserved(wish: AmountWish, authorization: AuthorizationRow, taken: bigint): Money {
  const currency = authorization.currency as Currency;
  const asked = wish.currency ?? currency;
  const faults = amountFaults(wish.amount ?? "1", asked);
  if (faults.length === 0 && asked !== currency)
    faults.push({ pointer: "/currency", detail: `must be ${currency}, as it was authorized; ${asked} came` });
  const amountMinor = faults.length
    ? 0n
    : wish.amount === undefined
      ? authorization.amountMinor - taken
      : parseAmount(wish.amount, currency);
  if (faults.length === 0 && wish.amount !== undefined && amountMinor === 0n)
    faults.push({ pointer: "/amount", detail: "must be more than zero" });
  if (faults.length) throw errors.invalid(faults);
  const most = mostOf(authorization) - taken;
  if (amountMinor <= 0n || amountMinor > most) {
    const remaining = formatAmount(most > 0n ? most : 0n, currency);
    throw errors.captureExceeds(`At most ${remaining} ${currency} can be taken of what is reserved.`, { remaining, currency });
  }
  return { amountMinor, currency };
}

export const sumOf = (captures: Pick<CaptureRow, "amountMinor">[]) => captures.reduce((sum, { amountMinor }) => sum + amountMinor, 0n);
