import type { SubscriptionRow } from "../../../entities/Subscription.ts";
import type { SubscriptionAttemptRow } from "../../../entities/SubscriptionAttempt.ts";
import { describeAct } from "../../../mixins/act.ts";
import type { SubscriptionStatus } from "../../../config/states.ts";
import type { Outcome } from "../gateway/gateway.ts";
import type { SubscriptionsGateway } from "../gateway/subscriptions.ts";
import type { Till } from "../till.ts";
import { announce, closeAttempt, openAttempts, resolveAttempt } from "./attempts.ts";
import { refusal, unconfirmed } from "./issues.ts";
import { exclusively, look, type Look } from "./look.ts";
import { writing } from "./record.ts";
import { canDo, hasReached, insist } from "./state.ts";

/** Moves that need nobody's consent. PayPal takes no request id for them: a look before tells whether it is to be asked, a look after what happened. */
export const plainMoves = ["suspend", "resume", "cancel"] as const;
export type PlainMove = (typeof plainMoves)[number];
const isPlain = (operation: string): operation is PlainMove => (plainMoves as readonly string[]).includes(operation);

/** How often a move is asked for whose outcome stays unknown. */
const mostSends = 5;

/** @throws PAYMENT_GATEWAY_UNAVAILABLE and what PayPal's refusal means */
export function insistOnLook({ answer, subscription }: Look): SubscriptionRow {
  if (answer.outcome === "ok") return subscription;
  const subject = { subscriptionId: subscription.id };
  if (answer.outcome === "refused") throw refusal(answer, "subscription", subject);
  throw unconfirmed(answer, subject);
}

/**
 * Suspends, resumes or cancels. A repeat after an answer that was lost finds that it was done.
 * @param reason PayPal keeps it and may show it to the payer
 * @throws SUBSCRIPTION_STATE_CONFLICT, SUBSCRIPTION_NOT_RESUMABLE, PAYMENT_GATEWAY_UNAVAILABLE (it may have happened; the sweeper finds out)
 */
export function move(till: Till, id: string, name: PlainMove, reason: string): Promise<SubscriptionRow> {
  describeAct({ details: { move: name } });
  return exclusively(till, id, async (gateway, known, claim) => {
    const status = known.status as SubscriptionStatus;
    if (!known.paypalSubscriptionId) insist(id, status, name);
    const before = insistOnLook(await look(till, gateway, known, claim));
    const open = await till.db.system((em) => openAttempts(em, id));
    const earlier = open.find(({ operation }) => operation === name);
    if (earlier && hasReached(before.status, name)) {
      await till.db.system((em) => resolveAttempt(em, earlier, "ok", null));
      return before;
    }
    insist(id, before.status, name);
    await giveUp(till, open, name);
    const { answer, after } = await ask(till, gateway, before, claim, name, reason);
    if (hasReached(after.subscription.status, name) || answer.outcome === "ok") return after.subscription;
    if (answer.outcome === "refused") throw refusal(answer, "subscription", { subscriptionId: id });
    throw unconfirmed(answer, { subscriptionId: id });
  });
}

/** A later wish replaces earlier ones of other kinds whose outcome is unknown: nobody asks for those again. */
async function giveUp(till: Till, open: SubscriptionAttemptRow[], name: PlainMove): Promise<void> {
  const others = open.filter(({ operation }) => isPlain(operation) && operation !== name);
  await till.db.system(async (em) => {
    for (const attempt of others) await resolveAttempt(em, attempt, "refused", "SUPERSEDED");
  });
}

async function ask(
  till: Till,
  gateway: SubscriptionsGateway,
  subscription: SubscriptionRow,
  claim: string,
  name: PlainMove,
  reason: string,
): Promise<{ answer: Outcome<true>; after: Look }> {
  const { id } = subscription;
  const paypalId = subscription.paypalSubscriptionId ?? "";
  const attempt = await announce(till.db, "subscriptions", subscription, name, { reason }, null);
  const answer = await gateway[name](paypalId, reason);
  await till.db.system((em) => closeAttempt(em, attempt.id, answer));
  const after = await look(till, gateway, subscription, claim);
  if (answer.outcome !== "unknown") return { answer, after };
  if (hasReached(after.subscription.status, name)) await till.db.system((em) => resolveAttempt(em, attempt, "ok", null));
  else await soon(till, id, claim);
  return { answer, after };
}

/** Somebody waits to know: looked at in a quarter of a minute, whatever the plan was. */
async function soon(till: Till, id: string, claim: string): Promise<void> {
  await writing(till.db, id, claim, (_em, locked) => void (locked.nextCheckAt = new Date(Date.now() + 15_000)));
}

/**
 * Takes up what was asked without an answer: it happened, or it is asked for again, at most five times in all. For the sweeper, after a good look.
 * @returns whether anything is left to be found out
 */
export async function takeUp(till: Till, gateway: SubscriptionsGateway, subscription: SubscriptionRow, claim: string): Promise<boolean> {
  const open = await till.db.system((em) => openAttempts(em, subscription.id));
  for (const attempt of open) {
    const { operation, sends } = attempt;
    if (!isPlain(operation)) continue;
    const status = subscription.status as SubscriptionStatus;
    const resolve = (outcome: "ok" | "refused", issue: string | null) =>
      till.db.system((em) => resolveAttempt(em, attempt, outcome, issue));
    if (hasReached(status, operation)) await resolve("ok", null);
    else if (!canDo(status, operation)) await resolve("refused", "SUBSCRIPTION_STATUS_INVALID");
    else if (sends >= mostSends) await resolve("refused", "NOT_CONFIRMED");
    else await ask(till, gateway, subscription, claim, operation, (attempt.request as { reason: string }).reason);
  }
  return open.length > 0;
}
