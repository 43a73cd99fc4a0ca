import type { Principal } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import { recordAct } from "../../../mixins/act.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { claimRow, lockPayment } from "../claim.ts";
import { readPayment } from "../payments.ts";
import { firstLookMs } from "../schedule.ts";
import { mark, move } from "../restate.ts";
import { openCreation, submit } from "../submit.ts";
import { tellReview } from "../tell.ts";
import type { Till } from "../till.ts";
import type { ReviewState } from "./assessments.ts";
import { withheld } from "./withhold.ts";

type Verdict = Exclude<ReviewState, "open">;

/**
 * Lets a payment that waits for a person go to PayPal, as it would have gone at once. The state is committed before PayPal is asked: if the process
 * dies here, the sweeper goes on.
 * @throws PAYMENT_NOT_FOUND, REVIEW_OVER
 */
export async function approveReview(till: Till, { tenantId, subject }: Principal, id: string, note: string): Promise<PaymentRow> {
  const { accountId } = await readPayment(till.db, tenantId, id);
  const paypal = await till.paypal(tenantId, accountId ?? null);
  const { payment, claim, attempt } = await till.db.tenant(tenantId, async (em) => {
    const reviewed = await close(em, tenantId, id, "approved", { subject, note });
    reviewed.status = "created";
    reviewed.nextCheckAt = new Date(Date.now() + firstLookMs);
    await tellReview(em, reviewed, "payment.review.approved", subject);
    return { payment: reviewed, claim: claimRow(reviewed), attempt: await openCreation(em, reviewed, till, paypal) };
  });
  return await submit(till, paypal, payment, claim, attempt);
}

/** Ends a payment that waits for a person. @throws PAYMENT_NOT_FOUND, REVIEW_OVER */
export function rejectReview(till: Till, { tenantId, subject }: Principal, id: string, note: string): Promise<PaymentRow> {
  return till.db.tenant(tenantId, async (em) =>
    fail(em, await close(em, tenantId, id, "rejected", { subject, note }), "rejected", subject),
  );
}

/**
 * Ends the reviews that nobody came to in time. Every node may run it: the lock on a payment keeps them apart.
 * @returns how many it ended
 */
export async function expireReviews(till: Till, limit: number, signal?: AbortSignal): Promise<number> {
  const due = await till.db.system((em) =>
    rows<{ id: string; tenantId: string }>(
      em,
      `select object_id as id, tenant_id as "tenantId" from payment.fraud_assessments where review_state = 'open' and review_until <= now()
       order by review_until limit ?`,
      [limit],
    ),
  );
  let ended = 0;
  for (const { id, tenantId } of due) {
    if (signal?.aborted) break;
    ended += await till.db.tenant(tenantId, (em) => expire(em, tenantId, id));
  }
  return ended;
}

async function expire(em: Em, tenantId: string, id: string): Promise<number> {
  const payment = await lockPayment(em, id);
  if (!payment || !(await settled(em, tenantId, id, "expired", null))) return 0;
  await fail(em, payment, "expired", "service:payment");
  const act = { tenantId, action: "payment.review.expired", object: `payment:${id}`, outcome: "allowed" } as const;
  await recordAct(em, "payment", act);
  return 1;
}

async function fail(em: Em, payment: PaymentRow, verdict: "rejected" | "expired", actor: string): Promise<PaymentRow> {
  mark(payment, withheld[verdict]);
  await tellReview(em, payment, `payment.review.${verdict}`, actor);
  await move(em, payment, "failed");
  return payment;
}

interface By {
  subject: string;
  note: string;
}

/** Ends an open review, once, whoever comes at the same time. @returns the payment, locked */
async function close(em: Em, tenantId: string, id: string, verdict: "approved" | "rejected", by: By): Promise<PaymentRow> {
  const payment = await lockPayment(em, id);
  if (!payment) throw errors.paymentNotFound("There is no such payment.", { id });
  if (await settled(em, tenantId, id, verdict, by)) return payment;
  const review = await row<{ state: ReviewState | null; by: string | null }>(
    em,
    `select review_state as state, reviewed_by as by from payment.fraud_assessments where tenant_id = ? and object_id = ?`,
    [tenantId, id],
  );
  const state = review?.state ?? null;
  const how = state === null ? "It was never to be reviewed." : state === "open" ? "Its time is over." : `It is ${state}.`;
  throw errors.reviewOver(`This payment does not wait for a review. ${how}`, { id, state, by: review?.by ?? null });
}

/** What is open and still has time may be judged by a person; what has none left expires. */
async function settled(em: Em, tenantId: string, id: string, verdict: Verdict, by: By | null): Promise<boolean> {
  const time = verdict === "expired" ? "review_until <= now()" : "review_until > now()";
  const changed = await row(
    em,
    `update payment.fraud_assessments set review_state = ?, reviewed_by = ?, review_note = ?, reviewed_at = now()
     where tenant_id = ? and object_id = ? and review_state = 'open' and ${time} returning id`,
    [verdict, by?.subject ?? null, by?.note ?? null, tenantId, id],
  );
  return changed !== undefined;
}
