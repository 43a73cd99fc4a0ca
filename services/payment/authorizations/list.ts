import type { AuthorizationStatus, CaptureStatus } from "../../../config/states.ts";
import { Authorization, type AuthorizationRow } from "../../../entities/Authorization.ts";
import { Capture, type CaptureRow } from "../../../entities/Capture.ts";
import type { Database } from "../../../mixins/database.ts";
import { formatAmount, type Currency } from "../money.ts";
import { readPayment } from "../payments.ts";

/** A capture as its tenant sees it. Amounts are decimal strings in their currency's own precision. */
export interface ShownCapture {
  id: string;
  /** requested: PayPal has not confirmed it yet; pending: PayPal keeps the money back. */
  status: CaptureStatus;
  paypalCaptureId: string | null;
  amount: string;
  currency: string;
  /** Whether nothing more can be captured. */
  final: boolean;
  /** What PayPal kept, and what is left; null while it has not said. */
  fee: string | null;
  net: string | null;
  /** What arrived in a balance of another currency, and PayPal's rate. */
  settled: { amount: string; currency: string; rate: string } | null;
  /** Why PayPal holds, declined or refused it. */
  reason: string | null;
  capturedAt: string | null;
}

export function showCapture(capture: CaptureRow): ShownCapture {
  const decimal = (minor: bigint | null | undefined) => (minor == null ? null : formatAmount(minor, capture.currency as Currency));
  const { settledMinor, settledCurrency, exchangeRate: rate } = capture;
  return {
    id: capture.id,
    status: capture.status,
    paypalCaptureId: capture.paypalId ?? null,
    amount: decimal(capture.amountMinor)!,
    currency: capture.currency,
    final: capture.final,
    fee: decimal(capture.feeMinor),
    net: decimal(capture.netMinor),
    settled:
      settledMinor != null && settledCurrency != null && rate != null
        ? { amount: formatAmount(settledMinor, settledCurrency as Currency), currency: settledCurrency, rate }
        : null,
    reason: capture.failureMessage ?? capture.reason ?? null,
    capturedAt: capture.capturedAt?.toISOString() ?? null,
  };
}

/** Money that is reserved, as its tenant sees it. */
export interface ShownAuthorization {
  id: string;
  status: AuthorizationStatus;
  paypalAuthorizationId: string;
  amount: string;
  currency: string;
  /** Until when PayPal keeps the money ready; afterwards it can be authorised again, once. */
  honoredUntil: string;
  /** Until when it can be captured at all. */
  expiresAt: string;
  reason: string | null;
}

const showAuthorization = (of: AuthorizationRow): ShownAuthorization => ({
  id: of.id,
  status: of.status,
  paypalAuthorizationId: of.paypalId,
  amount: formatAmount(of.amountMinor, of.currency as Currency),
  currency: of.currency,
  honoredUntil: of.honoredUntil.toISOString(),
  expiresAt: of.expiresAt.toISOString(),
  reason: of.reason ?? null,
});

/** What a payment is made of, in the order of time. @throws PAYMENT_NOT_FOUND */
export async function listParts(
  db: Database,
  tenantId: string,
  id: string,
): Promise<{ authorizations: ShownAuthorization[]; captures: ShownCapture[] }> {
  const { id: paymentId } = await readPayment(db, tenantId, id);
  return db.tenant(tenantId, async (em) => ({
    authorizations: (await em.find(Authorization, { paymentId }, { orderBy: { createdAt: "asc" } })).map(showAuthorization),
    captures: (await em.find(Capture, { paymentId }, { orderBy: { createdAt: "asc" } })).map(showCapture),
  }));
}
