import { LockMode } from "@mikro-orm/postgresql";
import type { DisputeFacts } from "../../../config/events.ts";
import type { DisputeOutcome } from "../../../config/states.ts";
import { Dispute, type DisputeRow } from "../../../entities/Dispute.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { appendEvent } from "../../../mixins/events.ts";
import { lockContested } from "../ledger/contested.ts";
import { postDisputeHold, postDisputeLoss, postDisputeRelease } from "../ledger/post.ts";
import type { Owner } from "../ledger/owner.ts";
import { formatAmount, type Currency } from "../money.ts";
import type { DisputeView } from "./gateway.ts";

/** What was paid, and with which account. */
export interface Disputed extends Owner {
  tenantId: string;
  accountId: string | null;
}

/** Between two looks at an open dispute that nothing is heard of. */
const lookMs = 6 * 3_600_000;
/** How long to wait for PayPal to tell how the amount of a lost dispute went: as a refund of ours, or taken back. */
const patienceMs = 2 * 60_000;

const outcomes: Record<string, DisputeOutcome> = {
  RESOLVED_SELLER_FAVOUR: "won",
  RESOLVED_BUYER_FAVOUR: "lost",
  RESOLVED_WITH_PAYOUT: "paid_by_paypal",
  CANCELED_BY_BUYER: "withdrawn",
  ACCEPTED: "lost",
  DENIED: "won",
};

/**
 * Writes down what PayPal says of a dispute: its row, the books and the event, in the caller's transaction. A repeat changes nothing, and what is
 * older than what is known neither.
 * @returns the row, and whether the books wait for what becomes of a lost amount
 */
export async function recordDispute(
  em: Em,
  of: Disputed,
  view: DisputeView,
  now = new Date(),
): Promise<{ dispute: DisputeRow; waits: boolean }> {
  await row(em, "select pg_advisory_xact_lock(hashtextextended(?, 0))", [`dispute ${of.tenantId} ${view.id}`]);
  const known = await em.findOne(Dispute, { tenantId: of.tenantId, paypalId: view.id }, { lockMode: LockMode.PESSIMISTIC_WRITE });
  if (known && known.changedAt > view.changedAt) return { dispute: known, waits: false };
  const dispute = known ?? begin(em, of, view);
  const wasOpen = known?.state === "open";
  const isOver = view.status === "RESOLVED";
  Object.assign(dispute, {
    state: isOver ? "resolved" : "open",
    outcome: isOver ? (outcomes[view.outcome ?? ""] ?? "other") : null,
    reason: view.reason,
    paypalStatus: view.status,
    stage: view.stage,
    channel: view.channel,
    lostMinor: view.refunded?.currency === dispute.currency ? view.refunded.amountMinor : null,
    feeMinor: view.feeMinor,
    changedAt: view.changedAt,
    resolvedAt: isOver ? view.changedAt : null,
    noticedAt: isOver ? (dispute.noticedAt ?? now) : null,
    nextCheckAt: isOver ? null : new Date(now.getTime() + lookMs),
  });
  if (dispute.dueAt?.getTime() !== view.dueAt?.getTime()) Object.assign(dispute, { dueAt: view.dueAt, reminders: 0 });
  await em.flush();
  // Also of one that is over when it is first heard of: PayPal's report has both the hold and its end.
  if (view.stage !== "INQUIRY") await hold(em, dispute);
  const waits = isOver && !(await settleBooks(em, dispute, now));
  if (waits) dispute.nextCheckAt = new Date(now.getTime() + patienceMs);
  if (!known) await tellDispute(em, dispute, "dispute.opened");
  if (isOver && (!known || wasOpen)) await tellDispute(em, dispute, "dispute.resolved");
  return { dispute, waits };
}

function begin(em: Em, { tenantId, accountId, paymentId, subscriptionId, invoiceId }: Disputed, view: DisputeView): DisputeRow {
  const dispute = em.create(Dispute, {
    ...{ tenantId, accountId, paymentId, subscriptionId, invoiceId },
    ...{
      paypalId: view.id,
      captureId: view.captureId,
      reason: view.reason,
      paypalStatus: view.status,
      stage: view.stage,
      channel: view.channel,
    },
    ...view.amount,
    openedAt: view.openedAt,
    changedAt: view.changedAt,
    createdAt: new Date(),
  });
  em.persist(dispute);
  return dispute;
}

const factOf = (dispute: DisputeRow, at: Date, amountMinor = dispute.amountMinor) => ({
  tenantId: dispute.tenantId,
  paymentId: dispute.paymentId ?? null,
  subscriptionId: dispute.subscriptionId ?? null,
  invoiceId: dispute.invoiceId ?? null,
  objectId: dispute.paypalId,
  captureId: dispute.captureId,
  at,
  amount: { amountMinor, currency: dispute.currency as Currency },
});

async function hold(em: Em, dispute: DisputeRow): Promise<void> {
  await postDisputeHold(em, factOf(dispute, dispute.openedAt));
  dispute.heldAt ??= dispute.openedAt;
}

/** Books the end of a dispute. @returns false while it can't be told how the amount went */
async function settleBooks(em: Em, dispute: DisputeRow, now: Date): Promise<boolean> {
  const at = dispute.resolvedAt!;
  const lost = dispute.outcome === "lost" ? (dispute.lostMinor ?? dispute.amountMinor) : 0n;
  const { refunded, reversed } = lost === 0n ? { refunded: 0n, reversed: 0n } : await goneBack(em, dispute);
  // A refund is in the books by itself: that of a claim accepted here comes, if it has not come yet.
  const isRefund = refunded >= lost || (dispute.acceptedAt != null && reversed === 0n);
  if (isRefund) {
    if (dispute.heldAt) await postDisputeRelease(em, factOf(dispute, at));
    return true;
  }
  if (reversed === 0n && now.getTime() - dispute.noticedAt!.getTime() < patienceMs) return false;
  await postDisputeLoss(em, { ...factOf(dispute, at, lost - refunded), fee: dispute.feeMinor ?? null });
  return true;
}

/**
 * What went back of a disputed capture or sale since the dispute was opened, as the ledger has it: as refunds, when a claim was accepted, or taken
 * back by PayPal. Refunds that were asked for here before it, or after its end, are none of it. What is booked at the same moment waits.
 */
async function goneBack(em: Em, dispute: DisputeRow): Promise<{ refunded: bigint; reversed: bigint }> {
  const { tenantId, captureId, currency, openedAt, noticedAt } = dispute;
  await lockContested(em, { tenantId, captureId });
  const sums = await row<{ refunded: string; reversed: string }>(
    em,
    `select coalesce(sum(amount_minor) filter (where kind = 'refund'), 0)::text as refunded,
            coalesce(sum(amount_minor) filter (where kind = 'reversal'), 0)::text as reversed
     from payment.ledger_entries e
     where tenant_id = ? and capture_id = ? and currency = ? and kind in ('refund', 'reversal') and at >= ?::timestamptz - interval '1 minute'
       and not exists (
         select 1 from payment.refunds r
         where r.tenant_id = e.tenant_id and r.paypal_id = e.object_id and r.origin = 'here' and not r.created_at between ? and ?
       )`,
    [tenantId, captureId, currency, openedAt, openedAt, noticedAt!],
  );
  return { refunded: BigInt(sums?.refunded ?? 0), reversed: BigInt(sums?.reversed ?? 0) };
}

/** Appends the event; organisations hear of it by their webhooks. */
export async function tellDispute(
  em: Em,
  dispute: DisputeRow,
  type: "dispute.opened" | "dispute.deadline" | "dispute.resolved",
): Promise<void> {
  const data: DisputeFacts = {
    disputeId: dispute.id,
    paypalDisputeId: dispute.paypalId,
    paymentId: dispute.paymentId ?? null,
    subscriptionId: dispute.subscriptionId ?? null,
    invoiceId: dispute.invoiceId ?? null,
    reason: dispute.reason,
    amount: formatAmount(dispute.amountMinor, dispute.currency as Currency),
    currency: dispute.currency,
    respondBy: dispute.dueAt?.toISOString() ?? null,
    outcome: dispute.outcome ?? null,
  };
  await appendEvent(em, "payment", { tenantId: dispute.tenantId, type, stream: `dispute:${dispute.id}`, data, actor: "service:payment" });
}
