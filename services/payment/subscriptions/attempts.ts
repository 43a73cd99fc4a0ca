import { errors } from "../../../config/errors.ts";
import { SubscriptionAttempt, type BillingOperation, type SubscriptionAttemptRow } from "../../../entities/SubscriptionAttempt.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { end } from "../attempts.ts";
import { claimMs } from "../claim.ts";
import type { Outcome } from "../gateway/gateway.ts";

/** A plan or a subscription. */
export interface Subject {
  id: string;
  tenantId: string;
}

const unresolved = { outcome: { $in: ["sent", "unknown"] as const } };

/** What was asked for it without an answer that could be read, oldest first. */
export const openAttempts = (em: Em, subjectId: string): Promise<SubscriptionAttemptRow[]> =>
  em.find(SubscriptionAttempt, { subjectId, ...unresolved }, { orderBy: { createdAt: "asc" } });

/**
 * The attempt under which to ask for `operation` now. One whose outcome is unknown is taken up again, with its request id where it has one, so that
 * PayPal does the work once. The subject must be claimed.
 * @param lifetimeMs for how long PayPal remembers the request id; null for operations that take none
 * @throws CONFLICT when the outcome of another request of the same kind is unknown
 */
export async function openAttempt(
  em: Em,
  subject: Subject,
  operation: BillingOperation,
  request: object,
  lifetimeMs: number | null,
): Promise<SubscriptionAttemptRow> {
  const last = await em.findOne(SubscriptionAttempt, { subjectId: subject.id, operation }, { orderBy: { number: "desc" } });
  if (last && (last.outcome === "sent" || last.outcome === "unknown")) {
    // jsonb gives members back in an order of its own.
    if (lifetimeMs !== null && sorted(last.request) !== sorted(request))
      throw errors.conflict("PayPal has not answered an earlier request of this kind yet; what became of it is being looked for.", {
        operation,
        since: last.createdAt.toISOString(),
      });
    last.sends++;
    last.request = request;
    return last;
  }
  const number = (last?.number ?? 0) + 1;
  const attempt = em.create(SubscriptionAttempt, {
    tenantId: subject.tenantId,
    subjectId: subject.id,
    operation,
    number,
    requestId: lifetimeMs === null ? null : `${subject.id}:${operation}:${number}`,
    keyExpiresAt: lifetimeMs === null ? null : new Date(Date.now() + lifetimeMs),
    request,
  });
  em.persist(attempt);
  await em.flush();
  return attempt;
}

const sorted = (request: object) => JSON.stringify(Object.entries(request).sort(([one], [other]) => (one < other ? -1 : 1)));

/** What belongs to an Idempotency-Key in an attempt's request. */
export interface Keyed {
  key: string | null;
  wish: object;
}

/**
 * What was asked before under an Idempotency-Key; null without a key, and when nothing was. The subject must be claimed.
 * @throws IDEMPOTENCY_KEY_REUSED when it was another wish
 */
export async function askedBefore(
  em: Em,
  subjectId: string,
  operation: BillingOperation,
  { key, wish }: Keyed,
): Promise<SubscriptionAttemptRow | null> {
  if (key === null) return null;
  const found = await em.find(SubscriptionAttempt, { subjectId, operation }, { orderBy: { number: "desc" } });
  const earlier = found.find(({ request }) => (request as Keyed).key === key);
  if (earlier && sorted((earlier.request as Keyed).wish) !== sorted(wish))
    throw errors.idempotencyMismatch("This Idempotency-Key was used before with another request; use a new key.");
  return earlier ?? null;
}

/** Should whoever asks die before the answer is written down, the sweeper looks once the claim has lapsed. */
const lookAfterMs = claimMs + 30_000;

const dayMs = 86_400_000;

/**
 * When to look at a subscription for the answers that it lacks: as appointed; where that has passed or there is none, soon while PayPal remembers a
 * request id of theirs, and in a day after that. Null: it lacks none. Nobody takes up a change of plan: whoever wishes it asks anew.
 */
export async function lookForAnswer(
  em: Em,
  { id, nextCheckAt = null }: { id: string; nextCheckAt?: Date | null },
  now: Date,
): Promise<Date | null> {
  const open = (await openAttempts(em, id)).filter(({ operation }) => operation !== "change");
  if (open.length === 0) return null;
  if (nextCheckAt && nextCheckAt > now) return nextCheckAt;
  const isRemembered = open.some(({ keyExpiresAt }) => keyExpiresAt && keyExpiresAt > now);
  return new Date(now.getTime() + (isRemembered ? lookAfterMs : dayMs));
}

/** Commits that something is about to be asked, and that it is looked for if no answer is written down. */
export const announce = (
  db: Database,
  table: "plans" | "subscriptions",
  subject: Subject,
  operation: BillingOperation,
  request: object,
  lifetimeMs: number | null,
): Promise<SubscriptionAttemptRow> =>
  db.system(async (em) => {
    await em.execute(
      `update payment.${table} set next_check_at = least(next_check_at, now() + ? * interval '1 millisecond') where id = ?`,
      [lookAfterMs, subject.id],
      "run",
    );
    return openAttempt(em, subject, operation, request, lifetimeMs);
  });

/** Writes down how it ended. */
export async function closeAttempt(em: Em, id: string, answer: Outcome<unknown>): Promise<void> {
  end(await em.findOneOrFail(SubscriptionAttempt, { id }), answer);
}

/** Ends an attempt by what a look showed: that it was done, or that it is given up. */
export async function resolveAttempt(em: Em, attempt: { id: string }, outcome: "ok" | "refused", issue: string | null): Promise<void> {
  const found = await em.findOneOrFail(SubscriptionAttempt, { id: attempt.id });
  Object.assign(found, { outcome, issue, finishedAt: new Date() });
}
