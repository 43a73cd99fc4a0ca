import { createHash } from "node:crypto";
import type { PaymentRow } from "../../entities/Payment.ts";
import { PaymentAttempt, type PaymentAttemptRow } from "../../entities/PaymentAttempt.ts";
import type { Em } from "../../mixins/database.ts";
import type { Outcome } from "./gateway/gateway.ts";

type Operation = PaymentAttemptRow["operation"];

/**
 * The attempt under which to ask for `operation` now. An attempt without a refusal is taken up again with its request id, so that
 * PayPal does the work once; after a refusal PayPal would repeat it, so the next number is opened. The row that it is about must be locked.
 */
export async function openAttempt(
  em: Em,
  { tenantId, paymentId, objectId }: Pick<PaymentAttemptRow, "tenantId" | "paymentId" | "objectId">,
  operation: Operation,
  request: unknown,
  lifetimeMs: number,
): Promise<PaymentAttemptRow> {
  const last = await em.findOne(PaymentAttempt, { objectId, operation }, { orderBy: { number: "desc" } });
  if (last && last.outcome !== "refused") {
    last.sends++;
    return last;
  }
  const number = (last?.number ?? 0) + 1;
  const attempt = em.create(PaymentAttempt, {
    tenantId,
    paymentId,
    objectId,
    operation,
    number,
    requestId: `${objectId}:${operation}:${number}`,
    keyExpiresAt: new Date(Date.now() + lifetimeMs),
    requestHash: createHash("sha256").update(JSON.stringify(request)).digest("hex"),
  });
  em.persist(attempt);
  return attempt;
}

/** What an attempt is about, when it is about the payment itself. */
export const ofPayment = ({ id, tenantId }: PaymentRow) => ({ tenantId, paymentId: id, objectId: id });

/** What of an attempt tells how it ended. */
export type Ending = Pick<PaymentAttemptRow, "outcome" | "issue" | "debugId" | "httpStatus" | "response" | "finishedAt">;

/** Writes down how it ended. An answer once known is not overwritten by a later "unknown". */
export async function closeAttempt(em: Em, id: string, answer: Outcome<unknown>): Promise<void> {
  end(await em.findOneOrFail(PaymentAttempt, { id }), answer);
}

/** `closeAttempt` of an attempt of any kind. */
export function end(attempt: Ending, answer: Outcome<unknown>): void {
  if (attempt.outcome === "ok" || (answer.outcome === "unknown" && attempt.outcome === "refused")) return;
  attempt.outcome = answer.outcome;
  attempt.issue = answer.outcome === "refused" ? answer.issue : answer.outcome === "unknown" ? answer.reason : null;
  attempt.debugId = answer.debugId;
  attempt.httpStatus = answer.httpStatus;
  attempt.response = answer.response as object | string | null;
  attempt.finishedAt = new Date();
}
