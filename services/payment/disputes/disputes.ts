import type { Page } from "../../../config/action.ts";
import type { DisputeOutcome, DisputeState } from "../../../config/states.ts";
import { errors } from "../../../config/errors.ts";
import { Dispute, type DisputeRow } from "../../../entities/Dispute.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, pageOf } from "../../../mixins/page.ts";
import { formatAmount, type Currency } from "../money.ts";

/** A dispute as its organisation sees it. Amounts are decimal strings in `currency`. */
export interface ShownDispute {
  id: string;
  paypalDisputeId: string;
  paymentId: string | null;
  subscriptionId: string | null;
  invoiceId: string | null;
  captureId: string;
  state: DisputeState;
  outcome: DisputeOutcome | null;
  /** PayPal's words. */
  reason: string;
  paypalStatus: string;
  stage: string;
  channel: string;
  amount: string;
  currency: string;
  lost: string | null;
  fee: string | null;
  /** Until when the organisation has to answer; null when it is not its turn. */
  respondBy: string | null;
  acceptedAt: string | null;
  answeredAt: string | null;
  openedAt: string;
  resolvedAt: string | null;
}

export function showDispute(dispute: DisputeRow): ShownDispute {
  const amount = (minor: bigint | null | undefined) => (minor == null ? null : formatAmount(minor, dispute.currency as Currency));
  return {
    id: dispute.id,
    paypalDisputeId: dispute.paypalId,
    paymentId: dispute.paymentId ?? null,
    subscriptionId: dispute.subscriptionId ?? null,
    invoiceId: dispute.invoiceId ?? null,
    captureId: dispute.captureId,
    state: dispute.state,
    outcome: dispute.outcome ?? null,
    reason: dispute.reason,
    paypalStatus: dispute.paypalStatus,
    stage: dispute.stage,
    channel: dispute.channel,
    amount: formatAmount(dispute.amountMinor, dispute.currency as Currency),
    currency: dispute.currency,
    lost: dispute.outcome === "lost" ? amount(dispute.lostMinor ?? dispute.amountMinor) : null,
    fee: amount(dispute.feeMinor),
    respondBy: dispute.dueAt?.toISOString() ?? null,
    acceptedAt: dispute.acceptedAt?.toISOString() ?? null,
    answeredAt: dispute.answeredAt?.toISOString() ?? null,
    openedAt: dispute.openedAt.toISOString(),
    resolvedAt: dispute.resolvedAt?.toISOString() ?? null,
  };
}

/** @throws DISPUTE_NOT_FOUND, also for another organisation's */
export async function readDisputeRow(db: Database, tenantId: string, id: string): Promise<DisputeRow> {
  const dispute = await db.tenant(tenantId, (em) => em.findOne(Dispute, { tenantId, id }));
  if (!dispute) throw errors.disputeNotFound("There is no such dispute.", { id });
  return dispute;
}

/** The open dispute of a capture, by PayPal's id: as long as there is one, nothing of the capture is refunded. */
export const openDisputeOf = (em: Em, tenantId: string, captureId: string): Promise<DisputeRow | null> =>
  em.findOne(Dispute, { tenantId, captureId, state: "open" });

/** The organisation's disputes, newest first. */
export async function listDisputes(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, state }: { limit?: number; cursor?: string; state?: DisputeState },
): Promise<Page<ShownDispute>> {
  const scope = ["disputes", tenantId, state ?? null];
  const from = decodeCursor(clusterSecret, scope, cursor);
  const [at, id] = from ? [new Date(String(from.after[0])), String(from.after[1])] : [];
  const found = await db.tenant(tenantId, (em) =>
    em.find(
      Dispute,
      {
        tenantId,
        ...(state && { state }),
        ...(at && id && { $or: [{ openedAt: { $lt: at } }, { openedAt: at, id: { $lt: id } }] }),
      },
      { orderBy: { openedAt: "desc", id: "desc" }, limit: limit + 1 },
    ),
  );
  const cursorOf = (last: DisputeRow) => encodeCursor(clusterSecret, scope, { after: [last.openedAt.toISOString(), last.id] });
  return pageOf(found, limit, from !== undefined, showDispute, cursorOf);
}
