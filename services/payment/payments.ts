import { raw } from "@mikro-orm/postgresql";
import type { Page } from "../../config/action.ts";
import type { PaymentIntent, PaymentStatus } from "../../config/states.ts";
import { errors } from "../../config/errors.ts";
import type { Things } from "../../config/rules.ts";
import type { PayMethod } from "../../entities/LedgerEntry.ts";
import { Payment, type PaymentRow } from "../../entities/Payment.ts";
import { row, type Database, type Em } from "../../mixins/database.ts";
import type { Condition } from "../../mixins/policy/sql.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../mixins/page.ts";
import { formatAmount, type Currency } from "./money.ts";

/** A payment as its tenant sees it. */
export interface ShownPayment {
  id: string;
  status: PaymentStatus;
  /** Decimal string in the currency's own precision. */
  amount: string;
  currency: string;
  /** Of the amount, where the payment says what it is for. */
  tax: string | null;
  intent: PaymentIntent;
  method: PayMethod;
  /** What 3-D Secure said of a card's owner, in PayPal's word. */
  liabilityShift: string | null;
  /** What has been taken, and of that given back. */
  captured: string;
  refunded: string;
  description: string | null;
  /** Where the payer approves; null until PayPal has confirmed the order and once the payment is over. */
  approvalUrl: string | null;
  paypalPaymentId: string | null;
  captureId: string | null;
  returnUrl: string | null;
  cancelUrl: string | null;
  /** Whether a simulator stands in for PayPal: no money moves. */
  simulated: boolean;
  /** What stands in the way, or why it failed. */
  failure: { type: string; message: string } | null;
  createdAt: string;
  approvedAt: string | null;
  executedAt: string | null;
}

export const showPayment = (payment: PaymentRow): ShownPayment => ({
  id: payment.id,
  status: payment.status,
  amount: formatAmount(payment.amountMinor, payment.currency as Currency),
  currency: payment.currency,
  tax: payment.taxMinor == null ? null : formatAmount(payment.taxMinor, payment.currency as Currency),
  intent: payment.intent,
  method: payment.method,
  liabilityShift: payment.liabilityShift ?? null,
  captured: formatAmount(payment.capturedMinor, payment.currency as Currency),
  refunded: formatAmount(payment.refundedMinor, payment.currency as Currency),
  description: payment.description ?? null,
  approvalUrl: payment.status === "pending" ? (payment.approvalUrl ?? null) : null,
  paypalPaymentId: payment.paypalPaymentId ?? null,
  captureId: payment.captureId ?? null,
  returnUrl: payment.returnUrl ?? null,
  cancelUrl: payment.cancelUrl ?? null,
  simulated: payment.simulated,
  failure: payment.failureType ? { type: payment.failureType, message: payment.failureMessage ?? "" } : null,
  createdAt: payment.createdAt.toISOString(),
  approvedAt: payment.approvedAt?.toISOString() ?? null,
  executedAt: payment.executedAt?.toISOString() ?? null,
});

const missing = (id: string) => errors.paymentNotFound("There is no such payment.", { id });

/** @throws PAYMENT_NOT_FOUND, also for another organisation's */
export async function readPayment(db: Database, tenantId: string, id: string): Promise<PaymentRow> {
  const payment = await db.tenant(tenantId, (em) => em.findOne(Payment, { id, tenantId }));
  if (!payment) throw missing(id);
  return payment;
}

/**
 * The payment that a payer came back for, who has nothing to show but what PayPal put into the address.
 * @param token PayPal's order id, which only the payer and the tenant know
 * @throws PAYMENT_NOT_FOUND, also when the token is another payment's
 */
export async function readReturned(db: Database, id: string, token: string): Promise<PaymentRow> {
  const payment = await db.system((em) => em.findOne(Payment, { id, paypalPaymentId: token }));
  if (!payment) throw missing(id);
  return payment;
}

/** The columns that rules of roles look at. */
export const paymentAttributes = { owner: "user_id", amount: "amount", currency: "currency" };

export const attributesOfPayment = (em: Em, id: string): Promise<Things["payment"] | undefined> =>
  row(em, `select user_id as owner, amount::float8 as amount, currency from payment.payments where id = ?`, [id]);

/** The organisation's payments, newest first. @param seen those that the caller may see */
export async function listPayments(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, status }: { limit?: number; cursor?: string; status?: PaymentStatus },
  seen: Condition,
): Promise<Page<ShownPayment>> {
  const scope = ["payments", tenantId, status ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const [at, id] = from ? [new Date(String(from.after[0])), String(from.after[1])] : [];
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      Payment,
      {
        tenantId,
        [raw(seen.sql, seen.values)]: [],
        ...(status && { status }),
        ...(at && id && { $or: [{ createdAt: { $lt: at } }, { createdAt: at, id: { $lt: id } }] }),
      },
      { orderBy: { createdAt: "desc", id: "desc" }, limit: limit + 1 },
    ),
  );
  const cursorOf = (last: PaymentRow) => encodeCursor(clusterSecret, scope, { after: [last.createdAt.toISOString(), last.id] });
  return pageOf(found, limit, from !== undefined, showPayment, cursorOf);
}
