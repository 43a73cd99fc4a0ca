import { Authorization, type AuthorizationRow } from "../../../entities/Authorization.ts";
import type { PaymentRow } from "../../../entities/Payment.ts";
import type { Em } from "../../../mixins/database.ts";
import type { AuthorizationView } from "../gateway/gateway.ts";
import { readAmount } from "../money.ts";
import { after, authorizationTable, firstAuthorization } from "../moves.ts";
import { restate } from "../restate.ts";

const day = 86_400_000;
/** How long PayPal keeps the money ready, how long it may be asked for at all, and from when it can be authorised again. Source: Payments v2. */
export const honoredMs = 3 * day;
export const validMs = 29 * day;

/** Writes down what PayPal says of an authorization, in the caller's transaction; a repeat changes nothing. The payment's row must be locked. */
export async function recordAuthorization(
  em: Em,
  payment: PaymentRow,
  view: AuthorizationView,
  replaces?: AuthorizationRow,
): Promise<AuthorizationRow | null> {
  const known = await em.findOne(Authorization, { tenantId: payment.tenantId, paymentId: payment.id, paypalId: view.id });
  if (known) {
    known.status = after(authorizationTable, known.status, view.status) ?? known.status;
    known.paypalStatus = view.status;
    known.reason = view.reason;
  }
  const authorization = known ?? begin(em, payment, view, replaces);
  if (authorization) await restate(em, payment);
  return authorization;
}

function begin(em: Em, payment: PaymentRow, view: AuthorizationView, replaces?: AuthorizationRow): AuthorizationRow | null {
  const status = firstAuthorization(view.status);
  if (!status) return null;
  const { tenantId, id: paymentId, amountMinor, currency } = payment;
  const now = view.at ?? new Date();
  const authorizedAt = replaces?.authorizedAt ?? now;
  const expiresAt = view.expiresAt ?? new Date(authorizedAt.getTime() + validMs);
  const honoredUntil = new Date(Math.min(now.getTime() + honoredMs, expiresAt.getTime()));
  const authorization = em.create(Authorization, {
    tenantId,
    paymentId,
    paypalId: view.id,
    ...(readAmount(view.amount, view.currency) ?? { amountMinor, currency }),
    status,
    paypalStatus: view.status,
    reason: view.reason,
    authorizedAt,
    honoredUntil,
    expiresAt,
    replaces: replaces?.id ?? null,
    nextCheckAt: honoredUntil,
    createdAt: new Date(),
  });
  em.persist(authorization);
  return authorization;
}
