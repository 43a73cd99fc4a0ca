import { errors } from "../../../config/errors.ts";
import { Subscription, type SubscriptionRow } from "../../../entities/Subscription.ts";
import { SubscriptionPayment } from "../../../entities/SubscriptionPayment.ts";
import type { PayPalConnection } from "../gateway/connection.ts";
import type { SubscriptionView } from "../gateway/billing.ts";
import { subscriptionsGateway, type SubscriptionsGateway } from "../gateway/subscriptions.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { waitMs as backoffMs } from "../schedule.ts";
import type { Till } from "../till.ts";
import { alone } from "./alone.ts";
import { recordSale } from "./sales.ts";
import { nextLook } from "./schedule.ts";
import { writeMirror, writing } from "./record.ts";

const day = 86_400_000;

/** What is in one of an organisation's PayPal accounts. */
export interface Housed {
  tenantId: string;
  accountId?: string | null;
}

/** Of the account that a plan or a subscription is in. */
export const connectionOf = async (till: Till, { tenantId, accountId }: Housed): Promise<PayPalConnection> =>
  (await till.paypal(tenantId, accountId ?? null)).connection;

export const gatewayOf = async (till: Till, of: Housed): Promise<SubscriptionsGateway> =>
  subscriptionsGateway(await connectionOf(till, of));

export const missing = (id: string) => errors.subscriptionNotFound("There is no such subscription.", { id });

export interface Look {
  answer: Outcome<SubscriptionView>;
  /** Afterwards. */
  subscription: SubscriptionRow;
}

interface LookOptions {
  /** Whether to read the payments in any case; from a day before a time at least, when one is given. */
  payments?: boolean | Date;
  now?: Date;
}

/** Reads a claimed subscription at PayPal and writes what it shows, its payments included when there is one that is not known. */
export async function look(
  till: Till,
  gateway: SubscriptionsGateway,
  subscription: SubscriptionRow,
  claim: string,
  { payments = false, now = new Date() }: LookOptions = {},
): Promise<Look> {
  const paypalId = subscription.paypalSubscriptionId;
  if (!paypalId) throw errors.internal("A subscription that PayPal has not confirmed can't be looked at.");
  const answer = await gateway.get(paypalId);
  if (answer.outcome !== "ok") return { answer, subscription: await again(till, subscription.id, claim) };
  const view = answer.value;
  const isNew = [
    [view.lastPayment?.at, subscription.lastPaymentAt],
    [view.lastFailure?.at, subscription.lastFailureAt],
  ].some(([shown, known]) => shown && shown.getTime() !== known?.getTime());
  const written = await writing(till.db, subscription.id, claim, (em, locked) => writeMirror(em, locked, view, now));
  if (!written) throw missing(subscription.id);
  if (!payments && !isNew) return { answer, subscription: written };
  return { answer, subscription: await readPayments(till, gateway, written, view, { payments, now }) };
}

/** A look that told nothing: the next one is later. */
async function again(till: Till, id: string, claim: string): Promise<SubscriptionRow> {
  const written = await writing(till.db, id, claim, (_em, locked) => {
    locked.checks++;
    // A payer is not waited for for ever: PayPal forgets what nobody agreed to.
    if (!locked.activatedAt) locked.nextCheckAt = nextLook(locked, new Date());
    else if (locked.nextCheckAt) locked.nextCheckAt = new Date(Date.now() + backoffMs(locked.checks));
  });
  if (!written) throw missing(id);
  return written;
}

/**
 * Reads the payments from a day before the last one that is known, and writes down those that are not. One that is pending (an e-check) may come to its end
 * after later ones: the list begins before the oldest of them.
 */
async function readPayments(
  till: Till,
  gateway: SubscriptionsGateway,
  subscription: SubscriptionRow,
  view: SubscriptionView,
  { payments, now }: Required<LookOptions>,
): Promise<SubscriptionRow> {
  const { id, createdAt, lastPaymentAt } = subscription;
  const pending = await till.db.system((em) =>
    em.findOne(SubscriptionPayment, { subscriptionId: id, status: "pending" }, { orderBy: { paidAt: "asc" } }),
  );
  const since = [lastPaymentAt ?? createdAt, pending?.paidAt, payments instanceof Date ? payments : null];
  const from = new Date(Math.min(...since.flatMap((at) => at?.getTime() ?? [])) - day);
  const to = new Date(Math.max(now.getTime(), view.lastPayment?.at.getTime() ?? 0, view.lastFailure?.at.getTime() ?? 0) + day);
  const listed = await gateway.payments(view.id, from, to);
  if (listed.outcome !== "ok") return subscription;
  const sales = listed.value.toSorted((one, other) => one.at.getTime() - other.at.getTime());
  const written = await writing(till.db, id, null, async (em, locked) => {
    for (const sale of sales) await recordSale(em, locked, sale);
  });
  return written ?? subscription;
}

/** Works on a subscription alone. @throws SUBSCRIPTION_NOT_FOUND, CONFLICT when others work on it all the time */
export async function exclusively<T>(
  till: Till,
  id: string,
  work: (gateway: SubscriptionsGateway, subscription: SubscriptionRow, claim: string) => Promise<T>,
): Promise<T> {
  const found = await alone(till.db, "subscriptions", id, 10_000, async (claim) => {
    const subscription = await till.db.system((em) => em.findOneOrFail(Subscription, { id }));
    return await work(await gatewayOf(till, subscription), subscription, claim);
  });
  if (!found.done) throw errors.conflict("The subscription is being worked on; try again in a while.", { subscriptionId: id });
  return found.value;
}

/**
 * Reads a subscription anew. When another one works on it, that one is told to look again, and the row is answered as it stands.
 * @param waitMs how long to wait for another one
 * @returns with `answer` null when PayPal was not asked
 * @throws SUBSCRIPTION_NOT_FOUND
 */
export async function refresh(
  till: Till,
  id: string,
  { waitMs = 0, ...options }: { waitMs?: number } & LookOptions = {},
): Promise<{ answer: Outcome<SubscriptionView> | null; subscription: SubscriptionRow }> {
  const read = async () => {
    const subscription = await till.db.system((em) => em.findOne(Subscription, { id }));
    if (!subscription) throw missing(id);
    return subscription;
  };
  const found = await alone(till.db, "subscriptions", id, waitMs, async (claim) => {
    const subscription = await read();
    if (!subscription.paypalSubscriptionId) return { answer: null, subscription };
    return look(till, await gatewayOf(till, subscription), subscription, claim, options);
  });
  return found.done ? found.value : { answer: null, subscription: await read() };
}
