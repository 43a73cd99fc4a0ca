import { raw } from "@mikro-orm/core";
import type { Page } from "../../../config/action.ts";
import type { SubscriptionStatus } from "../../../config/states.ts";
import { Subscription, type SubscriptionRow } from "../../../entities/Subscription.ts";
import { SubscriptionPayment, type SubscriptionPaymentRow } from "../../../entities/SubscriptionPayment.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Condition } from "../../../mixins/policy/sql.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import type { CycleView } from "../gateway/billing.ts";
import { formatAmount, type Currency } from "../money.ts";
import { billingOf, type Billing } from "./billing.ts";
import { missing } from "./look.ts";

/** A subscription as its tenant sees it. Times are ISO 8601, amounts decimal strings in the currency's own precision. */
export interface ShownSubscription {
  id: string;
  status: SubscriptionStatus;
  planId: string;
  customer: string;
  quantity: number;
  email: string | null;
  /** Who invoices of its payments are for; null when there are none. */
  billing: Billing | null;
  /** Where the payer agrees to it; null once that is over. */
  approvalUrl: string | null;
  paypalSubscriptionId: string | null;
  /** What a regular payment comes to, every `interval`. */
  amount: string;
  currency: string;
  interval: { unit: string; count: number };
  /** `total` and `remaining` are null where there is no end. */
  cycles: { tenure: string; completed: number; remaining: number | null; total: number | null }[];
  nextBillingAt: string | null;
  paidUntil: string | null;
  lastPaymentAt: string | null;
  failedPayments: number;
  /** Why the last failed payment failed, in PayPal's word, and when PayPal tries again. */
  failureReason: string | null;
  nextRetryAt: string | null;
  outstanding: string;
  /** The plan or quantity that the payer is asked to agree to, and where. */
  change: { planId: string; quantity: number; approvalUrl: string | null } | null;
  simulated: boolean;
  failure: { type: string; message: string } | null;
  createdAt: string;
  activatedAt: string | null;
  suspendedAt: string | null;
  endedAt: string | null;
  /** When PayPal was last asked. */
  readAt: string | null;
}

const iso = (at: Date | null | undefined) => at?.toISOString() ?? null;

export function showSubscription(subscription: SubscriptionRow): ShownSubscription {
  const { currency, nextPlanId, nextQuantity, changeUrl } = subscription;
  const money = (minor: bigint) => formatAmount(minor, currency as Currency);
  return {
    id: subscription.id,
    status: subscription.status,
    planId: subscription.planId,
    customer: subscription.customer,
    quantity: subscription.quantity,
    email: subscription.email ?? null,
    billing: billingOf(subscription),
    approvalUrl: subscription.approvalUrl ?? null,
    paypalSubscriptionId: subscription.paypalSubscriptionId ?? null,
    amount: money(subscription.cycleMinor),
    currency,
    interval: { unit: subscription.unit, count: subscription.unitCount },
    cycles: (subscription.cycles as CycleView[]).map(({ tenure, completed, remaining, total }) => ({
      tenure: tenure.toLowerCase(),
      completed,
      remaining: total === 0 ? null : remaining,
      total: total === 0 ? null : total,
    })),
    nextBillingAt: iso(subscription.nextBillingAt),
    paidUntil: iso(subscription.paidUntil),
    lastPaymentAt: iso(subscription.lastPaymentAt),
    failedPayments: subscription.failedPayments,
    failureReason: subscription.failureReason ?? null,
    nextRetryAt: iso(subscription.nextRetryAt),
    outstanding: money(subscription.outstandingMinor),
    change: nextPlanId ? { planId: nextPlanId, quantity: nextQuantity ?? 1, approvalUrl: changeUrl ?? null } : null,
    simulated: subscription.simulated,
    failure: subscription.failureType ? { type: subscription.failureType, message: subscription.failureMessage ?? "" } : null,
    createdAt: subscription.createdAt.toISOString(),
    activatedAt: iso(subscription.activatedAt),
    suspendedAt: iso(subscription.suspendedAt),
    endedAt: iso(subscription.endedAt),
    readAt: iso(subscription.readAt),
  };
}

/** @throws SUBSCRIPTION_NOT_FOUND, also for another organisation's */
export async function readOwn(db: Database, tenantId: string, id: string): Promise<SubscriptionRow> {
  const subscription = await db.tenant(tenantId, (em) => em.findOne(Subscription, { id, tenantId }));
  if (!subscription) throw missing(id);
  return subscription;
}

/**
 * The subscription that a payer came back for, who has nothing to show but what PayPal put into the address.
 * @throws SUBSCRIPTION_NOT_FOUND, also when PayPal's id is another's
 */
export async function readReturned(db: Database, id: string, paypalSubscriptionId: string): Promise<SubscriptionRow> {
  const subscription = await db.system((em) => em.findOne(Subscription, { id, paypalSubscriptionId }));
  if (!subscription) throw missing(id);
  return subscription;
}

interface Wish {
  limit?: number;
  cursor?: string;
  status?: SubscriptionStatus;
  customer?: string;
  planId?: string;
}

/** The organisation's subscriptions, newest first. @param seen those that the caller may see */
export async function listSubscriptions(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, ...filter }: Wish,
  seen: Condition,
): Promise<Page<ShownSubscription>> {
  const scope = ["subscriptions", tenantId, filter.status ?? null, filter.customer ?? null, filter.planId ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const [at, id] = from ? [new Date(String(from.after[0])), String(from.after[1])] : [];
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      Subscription,
      {
        tenantId,
        [raw(seen.sql, seen.values)]: [],
        ...filter,
        ...(at && id && { $or: [{ createdAt: { $lt: at } }, { createdAt: at, id: { $lt: id } }] }),
      },
      { orderBy: { createdAt: "desc", id: "desc" }, limit: limit + 1 },
    ),
  );
  const cursorOf = (last: SubscriptionRow) => encodeCursor(clusterSecret, scope, { after: [last.createdAt.toISOString(), last.id] });
  return pageOf(found, limit, from !== undefined, showSubscription, cursorOf);
}

export interface ShownSale {
  saleId: string;
  status: SubscriptionPaymentRow["status"];
  amount: string;
  /** Null while PayPal has not told it. */
  fee: string | null;
  refunded: string;
  currency: string;
  paidAt: string;
}

/** What PayPal took, or tried to take, for a subscription, newest first. @throws SUBSCRIPTION_NOT_FOUND */
export async function listPayments(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { id: subscriptionId, limit = 50, cursor }: { id: string; limit?: number; cursor?: string },
): Promise<Page<ShownSale>> {
  await readOwn(db, tenantId, subscriptionId);
  const scope = ["subscription payments", tenantId, subscriptionId];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const [at, id] = from ? [new Date(String(from.after[0])), String(from.after[1])] : [];
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      SubscriptionPayment,
      { tenantId, subscriptionId, ...(at && id && { $or: [{ paidAt: { $lt: at } }, { paidAt: at, id: { $lt: id } }] }) },
      { orderBy: { paidAt: "desc", id: "desc" }, limit: limit + 1 },
    ),
  );
  const cursorOf = (last: SubscriptionPaymentRow) => encodeCursor(clusterSecret, scope, { after: [last.paidAt.toISOString(), last.id] });
  return pageOf(found, limit, from !== undefined, showSale, cursorOf);
}

export function showSale({ saleId, status, amountMinor, feeMinor, refundedMinor, currency, paidAt }: SubscriptionPaymentRow): ShownSale {
  const money = (minor: bigint) => formatAmount(minor, currency as Currency);
  const fee = feeMinor === null || feeMinor === undefined ? null : money(feeMinor);
  return { saleId, status, amount: money(amountMinor), fee, refunded: money(refundedMinor), currency, paidAt: paidAt.toISOString() };
}
