import { raw } from "@mikro-orm/postgresql";
import type { Page } from "../../../config/action.ts";
import type { RefundStatus } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import type { Things } from "../../../config/rules.ts";
import { Refund, type RefundRow } from "../../../entities/Refund.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import type { Condition } from "../../../mixins/policy/sql.ts";
import { formatAmount, type Currency } from "../money.ts";

/** A refund as its tenant sees it. */
export interface ShownRefund {
  id: string;
  paymentId: string;
  /** reversal: PayPal or the payer's bank took the money back. */
  kind: "refund" | "reversal";
  /** Whether it was made here, or at PayPal. */
  origin: "here" | "paypal";
  /** requested: PayPal has not confirmed it yet; pending: an e-check on its way. */
  status: RefundStatus;
  /** Decimal strings in the currency's own precision. */
  amount: string;
  currency: string;
  /** What PayPal gave back of its fee; null while it has not said. */
  feeReturned: string | null;
  paypalRefundId: string | null;
  note: string | null;
  /** Why it was refused. */
  failure: { type: string; message: string } | null;
  createdAt: string;
  completedAt: string | null;
}

export const showRefund = (refund: RefundRow): ShownRefund => {
  const decimal = (minor: bigint) => formatAmount(minor, refund.currency as Currency);
  return {
    id: refund.id,
    paymentId: refund.paymentId,
    kind: refund.kind,
    origin: refund.origin,
    status: refund.status,
    amount: decimal(refund.amountMinor),
    currency: refund.currency,
    feeReturned: refund.feeReturnedMinor == null ? null : decimal(refund.feeReturnedMinor),
    paypalRefundId: refund.paypalId ?? null,
    note: refund.note ?? null,
    failure: refund.failureType ? { type: refund.failureType, message: refund.failureMessage ?? "" } : null,
    createdAt: refund.createdAt.toISOString(),
    completedAt: refund.completedAt?.toISOString() ?? null,
  };
};

/** @throws REFUND_NOT_FOUND, also for another organisation's */
export async function readRefund(db: Database, tenantId: string, id: string): Promise<RefundRow> {
  const refund = await db.tenant(tenantId, (em) => em.findOne(Refund, { id, tenantId }));
  if (!refund) throw errors.refundNotFound("There is no such refund.", { id });
  return refund;
}

/** What rules of roles look at: the payment, by its own id or by that of a refund of it. */
export const attributesOfRefunded = (em: Em, id: string): Promise<Things["payment"] | undefined> =>
  row(
    em,
    `select user_id as owner, amount::float8 as amount, currency from payment.payments
     where id = coalesce((select payment_id from payment.refunds where id = ?::uuid), ?::uuid)`,
    [id, id],
  );

interface Filter {
  limit?: number;
  cursor?: string;
  /** Only those of this payment. */
  id?: string;
  status?: RefundStatus;
}

/** The organisation's refunds, newest first. @param seen the payments that the caller may see */
export async function listRefunds(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, id: paymentId, status }: Filter,
  seen: Condition,
): Promise<Page<ShownRefund>> {
  const scope = ["refunds", tenantId, paymentId ?? null, status ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const [at, last] = from ? [new Date(String(from.after[0])), String(from.after[1])] : [];
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      Refund,
      {
        tenantId,
        [raw(`payment_id in (select id from payment.payments where ${seen.sql})`, seen.values)]: [],
        ...(paymentId && { paymentId }),
        ...(status && { status }),
        ...(at && last && { $or: [{ createdAt: { $lt: at } }, { createdAt: at, id: { $lt: last } }] }),
      },
      { orderBy: { createdAt: "desc", id: "desc" }, limit: limit + 1 },
    ),
  );
  const cursorOf = ({ createdAt, id }: RefundRow) => encodeCursor(clusterSecret, scope, { after: [createdAt.toISOString(), id] });
  return pageOf(found, limit, from !== undefined, showRefund, cursorOf);
}
