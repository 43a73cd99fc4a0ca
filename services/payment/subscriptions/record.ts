import { LockMode } from "@mikro-orm/core";
import type { SubscriptionFacts, SubscriptionSale } from "../../../config/events.ts";
import { Plan } from "../../../entities/Plan.ts";
import { Subscription, type SubscriptionRow } from "../../../entities/Subscription.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { appendEvent } from "../../../mixins/events.ts";
import type { SubscriptionView } from "../gateway/billing.ts";
import { formatAmount, type Currency } from "../money.ts";
import { lookForAnswer } from "./attempts.ts";
import { mirror, type Told } from "./mirror.ts";

const lock = (em: Em, id: string): Promise<SubscriptionRow | null> =>
  em.findOne(Subscription, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });

/**
 * Writes to a subscription under its row's lock, in a transaction of its own.
 * @param claim when given, nothing is written once the claim is another's: who has it has looked later
 * @returns the row afterwards; null when there is none
 */
export function writing(
  db: Database,
  id: string,
  claim: string | null,
  change: (em: Em, subscription: SubscriptionRow) => Promise<void> | void,
): Promise<SubscriptionRow | null> {
  return db.system(async (em) => {
    const subscription = await lock(em, id);
    if (subscription && (claim === null || subscription.claim === claim)) await change(em, subscription);
    return subscription;
  });
}

export const factsOf = (subscription: SubscriptionRow): SubscriptionFacts => ({
  subscriptionId: subscription.id,
  planId: subscription.planId,
  customer: subscription.customer,
  status: subscription.status,
  nextBillingAt: subscription.nextBillingAt?.toISOString() ?? null,
  paidUntil: subscription.paidUntil?.toISOString() ?? null,
  failedPayments: subscription.failedPayments,
  outstanding: formatAmount(subscription.outstandingMinor, subscription.currency as Currency),
  currency: subscription.currency,
  nextRetryAt: subscription.nextRetryAt?.toISOString() ?? null,
});

/** Appends an event with what is known of the subscription now. @param actor a principal's subject; PayPal and payers have none of ours */
export async function tell(
  em: Em,
  subscription: SubscriptionRow,
  type: Told,
  { payment, actor = "service:payment" }: { payment?: SubscriptionSale; actor?: string } = {},
): Promise<void> {
  const data = { ...factsOf(subscription), ...(payment && { payment }) };
  const event = { tenantId: subscription.tenantId, type, stream: `subscription:${subscription.id}`, data: data as never, actor };
  subscription.version = (await appendEvent(em, "payment", event)).version;
}

/** Writes what a look at PayPal shows. What was asked and has no answer yet keeps its appointment, also at one that is over. The row must be locked. */
export async function writeMirror(em: Em, subscription: SubscriptionRow, view: SubscriptionView, now: Date): Promise<void> {
  const { tenantId } = subscription;
  const plan = view.planId ? await em.findOne(Plan, { tenantId, paypalPlanId: view.planId }) : null;
  const { set, told } = mirror(subscription, view, plan, now);
  const answerAt = await lookForAnswer(em, subscription, now);
  Object.assign(subscription, set);
  const next = subscription.nextCheckAt ?? null;
  if (answerAt && (!next || answerAt < next)) subscription.nextCheckAt = answerAt;
  for (const type of told) await tell(em, subscription, type);
}
