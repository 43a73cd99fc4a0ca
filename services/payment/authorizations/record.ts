import type { AuthorizationStatus } from "../../../config/states.ts";
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
export async function recordAuthorization(em: Em, payment: PaymentRow, view: AuthorizationView): Promise<AuthorizationRow | null> {
  const known = await em.findOne(Authorization, { tenantId: payment.tenantId, paymentId: payment.id, paypalId: view.id });
  if (known) {
    known.status = after(authorizationTable, known.status, view.status) ?? known.status;
    known.paypalStatus = view.status;
    known.reason = view.reason;
    if (isClosed(known.status)) known.nextCheckAt = known.givenUpAt = null;
  }
  const authorization = known ?? (await begin(em, payment, view));
  if (authorization) await restate(em, payment);
  return authorization;
}

const isClosed = (status: AuthorizationStatus) => after(authorizationTable, status, "elapsed") === null;

async function begin(em: Em, payment: PaymentRow, view: AuthorizationView): Promise<AuthorizationRow | null> {
  const status = firstAuthorization(view.status);
  if (!status) return null;
  const replaces = await replacedBy(em, payment);
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

/** An order has one authorization at a time: another one was made by authorising again, here or at PayPal's website. */
async function replacedBy(em: Em, { id: paymentId }: PaymentRow): Promise<AuthorizationRow | null> {
  const open = await openAuthorization(em, paymentId);
  if (open) open.status = after(authorizationTable, open.status, "reauthorized") ?? open.status;
  if (open) open.nextCheckAt = null;
  return open;
}

/** The authorization that money can be captured of. */
export const openAuthorization = (em: Em, paymentId: string): Promise<AuthorizationRow | null> =>
  em.findOne(Authorization, { paymentId, status: ["created", "partially_captured"] }, { orderBy: { createdAt: "desc" } });
