import { LockMode } from "@mikro-orm/core";
import { errors } from "../../../config/errors.ts";
import { Authorization, type AuthorizationRow } from "../../../entities/Authorization.ts";
import { Payment } from "../../../entities/Payment.ts";
import { claimRow, isClaimed, lockPayment, release } from "../claim.ts";
import { sweepDue } from "../due.ts";
import { after, authorizationTable } from "../moves.ts";
import { recordOrder } from "../record.ts";
import { restate } from "../restate.ts";
import { lookAgain, thinking } from "../schedule.ts";
import type { Till } from "../till.ts";

const hour = 3_600_000;

/** Looks at the authorizations whose three or 29 days are over. See `sweepDue`. */
export const sweepAuthorizations = (till: Till, limit: number, signal?: AbortSignal): Promise<number> =>
  sweepDue(till, "authorizations", limit, (id) => watchAuthorization(till, id), signal);

/** How an authorization stands at PayPal; one whose time is over ends here too, whether PayPal tells so or not. */
export async function watchAuthorization(till: Till, id: string): Promise<void> {
  const { db } = till;
  const taken = await db.system(async (em) => {
    const authorization = await em.findOneOrFail(Authorization, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
    if (isClaimed(authorization)) return null;
    return { authorization, claim: claimRow(authorization), payment: await em.findOneOrFail(Payment, { id: authorization.paymentId }) };
  });
  if (!taken) return;
  const { paypalPaymentId, tenantId, accountId } = taken.payment;
  const paypal = await till.paypal(tenantId, accountId).catch(() => null);
  const order = paypal && (await paypal.orders.getOrder(paypalPaymentId!));
  await db.system(async (em) => {
    const payment = await lockPayment(em, taken.payment.id);
    if (!payment) throw errors.paymentNotFound("There is no such payment.", { id: taken.payment.id });
    const authorization = await em.findOneOrFail(Authorization, { id });
    if (order?.outcome === "ok") await recordOrder(em, payment, order.value);
    if (Date.now() > authorization.expiresAt.getTime() + hour) {
      authorization.status = after(authorizationTable, authorization.status, "elapsed") ?? authorization.status;
      await restate(em, payment);
    }
    setNext(authorization, order?.outcome === "ok");
    release(authorization, taken.claim);
  });
}

/** The next look: when a period ends, or soon when PayPal could not be asked, or has still to decide. */
function setNext(authorization: AuthorizationRow, wasSeen: boolean): void {
  if (after(authorizationTable, authorization.status, "elapsed") === null) {
    authorization.nextCheckAt = null;
  } else if (!wasSeen || authorization.status === "pending") {
    lookAgain(authorization, authorization.authorizedAt, thinking);
  } else {
    authorization.checks = 0;
    const { honoredUntil, expiresAt } = authorization;
    authorization.nextCheckAt = honoredUntil.getTime() > Date.now() ? honoredUntil : new Date(expiresAt.getTime() + hour + 1_000);
  }
}
