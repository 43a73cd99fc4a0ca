import { errors } from "../../../config/errors.ts";
import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import type { SubscriptionAttemptRow } from "../../../entities/SubscriptionAttempt.ts";
import { describeAct } from "../../../mixins/act.ts";
import { billingIdLifetimeMs, type SubscriptionsGateway } from "../gateway/subscriptions.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { amountFaults, formatAmount, parseAmount, type Currency } from "../money.ts";
import type { Till } from "../till.ts";
import { announce, askedBefore, closeAttempt, openAttempts, resolveAttempt, type Keyed } from "./attempts.ts";
import { refusal, unconfirmed } from "./issues.ts";
import { exclusively, look } from "./look.ts";
import { insistOnLook } from "./moves.ts";
import { insist } from "./state.ts";

export interface OutstandingCapture {
  /** Decimal string in the subscription's currency; all that is outstanding when left out. */
  amount?: string;
  /** The payer sees it. */
  note: string;
}

/** What is asked, kept with the attempt so that it can be asked again: amounts in minor units, as strings. */
interface CaptureRequest extends Keyed {
  amountMinor: string;
  note: string;
  /** What was outstanding before. */
  outstandingMinor: string;
}

/**
 * Takes what is outstanding. The same PayPal-Request-Id is used until PayPal has answered, so that it is taken once; a repeat under the same Idempotency-Key takes nothing more.
 * @throws VALIDATION_FAILED, OUTSTANDING_EXCEEDED, SUBSCRIPTION_STATE_CONFLICT, CONFLICT while an earlier one is unanswered, PAYMENT_GATEWAY_UNAVAILABLE
 */
export function captureOutstanding(till: Till, id: string, wish: OutstandingCapture, key: string | null = null): Promise<SubscriptionRow> {
  const { amount, note } = wish;
  return exclusively(till, id, async (gateway, known, claim) => {
    if (!known.paypalSubscriptionId) insist(id, known.status, "capture");
    const subscription = insistOnLook(await look(till, gateway, known, claim));
    const sent = await unanswered(till, id);
    const open = sent && (await endForgotten(till, subscription, sent)) ? undefined : sent;
    const earlier = await till.db.system((em) => askedBefore(em, id, "capture", { key, wish }));
    if (earlier?.outcome === "ok") return subscription;
    const currency = subscription.currency as Currency;
    const { outstandingMinor } = subscription;
    if (amount !== undefined) {
      const faults = amountFaults(amount, currency);
      if (faults.length === 0 && parseAmount(amount, currency) === 0n)
        faults.push({ pointer: "/amount", detail: "must be more than zero" });
      if (faults.length) throw errors.invalid(faults);
    }
    const amountMinor = amount === undefined ? outstandingMinor : parseAmount(amount, currency);
    if (open && BigInt((open.request as CaptureRequest).amountMinor) !== amountMinor)
      throw errors.conflict("PayPal has not answered an earlier capture yet; what became of it is being looked for.", {
        subscriptionId: id,
      });
    if (!open) {
      insist(id, subscription.status, "capture");
      if (amountMinor > outstandingMinor || amountMinor === 0n) {
        const outstanding = formatAmount(outstandingMinor, currency);
        throw errors.outstandingExceeded(`There are ${outstanding} ${currency} outstanding.`, {
          subscriptionId: id,
          outstanding,
          currency,
        });
      }
    }
    describeAct({ details: { amount: formatAmount(amountMinor, currency), currency } });
    const request: CaptureRequest = { amountMinor: String(amountMinor), note, outstandingMinor: String(outstandingMinor), key, wish };
    const answer = await send(till, gateway, subscription, (open?.request as CaptureRequest | undefined) ?? request);
    if (answer.outcome === "refused") throw refusal(answer, "subscription", { subscriptionId: id });
    if (answer.outcome === "unknown") throw unconfirmed(answer, { subscriptionId: id });
    return (await look(till, gateway, subscription, claim, { payments: true })).subscription;
  });
}

const unanswered = async (till: Till, id: string): Promise<SubscriptionAttemptRow | undefined> =>
  (await till.db.system((em) => openAttempts(em, id))).find(({ operation }) => operation === "capture");

async function send(
  till: Till,
  gateway: SubscriptionsGateway,
  subscription: SubscriptionRow,
  request: CaptureRequest,
): Promise<Outcome<true>> {
  const attempt = await announce(till.db, "subscriptions", subscription, "capture", request, billingIdLifetimeMs);
  const amount = { amountMinor: BigInt(request.amountMinor), currency: subscription.currency as Currency };
  const answer = await gateway.captureOutstanding(subscription.paypalSubscriptionId!, amount, request.note, attempt.requestId!);
  await till.db.system((em) => closeAttempt(em, attempt.id, answer));
  return answer;
}

/**
 * Ends a capture without an answer that PayPal remembers no more: asked again, it would be another one. A balance that fell says that it happened. After a
 * good look.
 * @returns whether it was one
 */
async function endForgotten(till: Till, { outstandingMinor }: SubscriptionRow, open: SubscriptionAttemptRow): Promise<boolean> {
  if (open.keyExpiresAt!.getTime() > Date.now()) return false;
  const request = open.request as CaptureRequest;
  const hasFallen = outstandingMinor <= BigInt(request.outstandingMinor) - BigInt(request.amountMinor);
  await till.db.system((em) => resolveAttempt(em, open, hasFallen ? "ok" : "refused", hasFallen ? null : "NOT_CONFIRMED"));
  return true;
}

/** Takes up a capture without an answer: asked again under the same id while PayPal remembers it. For the sweeper, after a good look. */
export async function takeUpCapture(till: Till, gateway: SubscriptionsGateway, subscription: SubscriptionRow): Promise<void> {
  const open = await unanswered(till, subscription.id);
  if (!open) return;
  if (await endForgotten(till, subscription, open)) return;
  await send(till, gateway, subscription, open.request as CaptureRequest);
}
