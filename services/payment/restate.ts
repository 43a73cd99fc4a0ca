import type { PaymentStatus } from "../../config/states.ts";
import { Authorization } from "../../entities/Authorization.ts";
import { Capture } from "../../entities/Capture.ts";
import type { PaymentRow } from "../../entities/Payment.ts";
import { Refund } from "../../entities/Refund.ts";
import type { Em } from "../../mixins/database.ts";
import { canMove, isWatched } from "./moves.ts";
import { standingOf } from "./standing.ts";
import type { Failure } from "./state.ts";
import { tell } from "./tell.ts";

/** Moves a payment, if its table lets it, and tells of it. Its row must be locked. @returns whether it moved */
export async function move(em: Em, payment: PaymentRow, status: PaymentStatus): Promise<boolean> {
  if (!canMove(payment.status, status)) return false;
  payment.status = status;
  payment.checks = 0;
  if (status === "approved") payment.approvedAt ??= new Date();
  if (status === "captured") payment.executedAt ??= new Date();
  if (!isWatched(status)) payment.nextCheckAt = payment.givenUpAt = null;
  await tell(em, payment);
  return true;
}

/** What stands in a payment's way; null when nothing does. */
export function mark(payment: PaymentRow, failure: Failure | null): void {
  payment.failureType = failure?.type ?? null;
  payment.failureMessage = failure?.message ?? null;
}

/** Brings a payment's state and sums up to what its captures, refunds and authorizations say. Its row must be locked. */
export async function restate(em: Em, payment: PaymentRow): Promise<void> {
  await em.flush();
  const of = { paymentId: payment.id };
  const [captures, refunds, authorizations] = [
    await em.find(Capture, of, { orderBy: { capturedAt: "asc", id: "asc" } }),
    await em.find(Refund, of),
    await em.find(Authorization, of, { orderBy: { createdAt: "asc", id: "asc" } }),
  ];
  const standing = standingOf({ payment, captures, refunds, authorizations });
  payment.capturedMinor = standing.capturedMinor;
  payment.refundedMinor = standing.refundedMinor;
  const taken = captures.find(({ status }) => status === "completed") ?? captures.find(({ status }) => status === "pending");
  if (taken) payment.captureId ??= taken.paypalId ?? null;
  if (standing.capturedMinor > 0n) payment.executedAt ??= new Date();
  if (standing.status === payment.status || (standing.status && canMove(payment.status, standing.status)) || standing.failure)
    mark(payment, standing.failure);
  if (standing.status) await move(em, payment, standing.status);
}
