import { type Amount, amountOf, minorOf } from "./amounts.ts";
import type { Capture } from "./captures.ts";
import { disputeBody } from "./disputeview.ts";
import { paypalId } from "./ids.ts";
import { placeRefund, type Refund, refunded, reverseCapture } from "./refunds.ts";
import { refused, unreadable } from "./replies.ts";
import type { World } from "./world.ts";

export const outcomes = ["RESOLVED_BUYER_FAVOUR", "RESOLVED_SELLER_FAVOUR", "RESOLVED_WITH_PAYOUT", "CANCELED_BY_BUYER"] as const;
export type Outcome = (typeof outcomes)[number];

export interface Dispute {
  id: string;
  merchant: string;
  captureId: string;
  reason: string;
  status: "OPEN" | "WAITING_FOR_BUYER_RESPONSE" | "WAITING_FOR_SELLER_RESPONSE" | "UNDER_REVIEW" | "RESOLVED";
  stage: "INQUIRY" | "CHARGEBACK" | "PRE_ARBITRATION";
  /** INTERNAL: a buyer at PayPal. EXTERNAL: a chargeback through their bank. */
  channel: "INTERNAL" | "EXTERNAL";
  amount: Amount;
  dueAt: number | null;
  outcome: Outcome | null;
  /** What went back to the buyer. */
  refund: Refund | null;
  messages: { posted_by: "BUYER" | "SELLER"; content: string; time_posted: string }[];
  evidences: object[];
  /** Since when and until when the amount is kept back; null while it is not. */
  heldAt: number | null;
  releasedAt: number | null;
  /** Since when it has cost the fee of a lost chargeback, which an appeal does not bring back. */
  feeAt: number | null;
  createdAt: number;
  updatedAt: number;
}

/** How long the seller has to answer. */
const answerMs = 10 * 86_400_000;

/** What a lost chargeback costs besides, in minor units. */
const chargebackFees: Record<string, bigint> = { EUR: 1600n, GBP: 1400n, HUF: 6325n, JPY: 2600n, TWD: 625n };
export const disputeFee = ({ feeAt, amount }: Dispute): bigint => (feeAt === null ? 0n : (chargebackFees[amount.currency_code] ?? 2000n));

/** Whether the buyer's bank stands behind it. */
export const isChargeback = ({ channel }: Dispute): boolean => channel === "EXTERNAL";

export const openDisputeOf = (world: World, captureId: string): Dispute | undefined =>
  world.disputes.of(captureId).find(({ status }) => status !== "RESOLVED");

interface Wish {
  reason?: string;
  value?: string;
  stage?: "INQUIRY" | "CHARGEBACK";
  channel?: Dispute["channel"];
  message?: string;
}

/** A buyer complains: at PayPal (INTERNAL), as a question (INQUIRY) or at once as a claim, or at their bank (EXTERNAL). */
export function openDispute(world: World, capture: Capture, wish: Wish): Dispute {
  const amount = { value: wish.value ?? capture.amount.value, currency_code: capture.amount.currency_code };
  const left = minorOf(capture.amount) - refunded(world, capture.id);
  if (capture.status !== "COMPLETED" || left <= 0n) throw unreadable("Nothing of this capture can be disputed.");
  if (openDisputeOf(world, capture.id)) throw unreadable("This capture is disputed already.");
  if (!(minorOf(amount) > 0n && minorOf(amount) <= left)) throw unreadable("value must be at most what is left of the capture");
  const now = world.clock.now();
  const channel = wish.channel ?? "INTERNAL";
  const stage = channel === "EXTERNAL" ? "CHARGEBACK" : (wish.stage ?? "CHARGEBACK");
  const content = wish.message ?? "It has not arrived.";
  const dispute = world.disputes.put({
    ...{ id: `PP-R-${paypalId(3)}-${String(10_000_000 + world.disputes.size)}`, merchant: capture.merchant, captureId: capture.id },
    ...{
      reason: wish.reason ?? "MERCHANDISE_OR_SERVICE_NOT_RECEIVED",
      status: "OPEN",
      stage,
      channel,
      amount: amountOf(minorOf(amount), amount.currency_code),
    },
    ...{
      dueAt: null,
      outcome: null,
      refund: null,
      evidences: [],
      heldAt: null,
      releasedAt: null,
      feeAt: null,
      createdAt: now,
      updatedAt: now,
    },
    messages: [{ posted_by: "BUYER", content, time_posted: world.clock.stamp(now) }],
  });
  if (stage === "CHARGEBACK") claim(world, dispute);
  tellDispute(world, dispute, "CREATED");
  return dispute;
}

/** A claim keeps the amount back and waits for the seller, who loses by silence. */
function claim(world: World, dispute: Dispute): void {
  const now = world.clock.now();
  const dueAt = now + answerMs;
  Object.assign(dispute, { stage: "CHARGEBACK", status: "WAITING_FOR_SELLER_RESPONSE", heldAt: now, dueAt, updatedAt: now });
  world.clock.at(dueAt, () => {
    if (dispute.status === "WAITING_FOR_SELLER_RESPONSE" && dispute.dueAt === dueAt)
      resolveDispute(world, dispute, "RESOLVED_BUYER_FAVOUR");
  });
}

/** A question becomes a claim: the buyer's, which waits for the seller, or the seller's, which PayPal looks at. */
export function escalate(world: World, dispute: Dispute, by: "BUYER" | "SELLER"): void {
  demandDispute(dispute, "OPEN", "WAITING_FOR_BUYER_RESPONSE");
  claim(world, dispute);
  if (by === "SELLER") dispute.status = "UNDER_REVIEW";
  tellDispute(world, dispute, "UPDATED");
}

export function demandDispute({ status }: Dispute, ...wanted: Dispute["status"][]): void {
  if (!wanted.includes(status))
    throw refused("ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE", `The requested action is not allowed while the dispute is ${status}.`);
}

/**
 * The end. Where the buyer wins the amount goes back, unless it has already; where they do not, what was taken before an appeal comes back.
 * @param refund what the seller has given back
 */
export function resolveDispute(world: World, dispute: Dispute, outcome: Outcome, refund: Refund | null = dispute.refund): void {
  const now = world.clock.now();
  Object.assign(dispute, { status: "RESOLVED", outcome, refund, dueAt: null, releasedAt: dispute.releasedAt ?? now, updatedAt: now });
  if (outcome === "RESOLVED_BUYER_FAVOUR") lose(world, dispute);
  else if (refund) {
    Object.assign(refund, { status: "CANCELLED", updatedAt: now });
    dispute.refund = null;
  }
  tellDispute(world, dispute, "RESOLVED");
}

function lose(world: World, dispute: Dispute): void {
  const { amount } = dispute;
  const capture = world.captures.get(dispute.captureId, null);
  if (isChargeback(dispute)) dispute.feeAt ??= dispute.updatedAt;
  const left = minorOf(capture.amount) - refunded(world, capture.id);
  const back = minorOf(amount) < left ? minorOf(amount) : left;
  if (dispute.refund || back === 0n) return;
  const cause = isChargeback(dispute) ? "chargeback" : "paypal";
  dispute.refund = reverseCapture(world, capture, amountOf(back, amount.currency_code).value, cause);
}

/** The seller gives in: a refund of the disputed amount, and the end. */
export function acceptClaim(world: World, dispute: Dispute): void {
  const capture = world.captures.get(dispute.captureId, null);
  if (isChargeback(dispute)) return resolveDispute(world, dispute, "RESOLVED_BUYER_FAVOUR");
  resolveDispute(world, dispute, "RESOLVED_BUYER_FAVOUR", placeRefund(world, capture, { amount: dispute.amount }, dispute));
}

/** Against a loss, with new evidence: what was taken stays taken until it is decided again. */
export function appeal(world: World, dispute: Dispute): void {
  demandDispute(dispute, "RESOLVED");
  const isTaken = dispute.refund !== null && dispute.refund.cause !== "seller";
  if (dispute.outcome !== "RESOLVED_BUYER_FAVOUR" || !isTaken || dispute.stage === "PRE_ARBITRATION")
    throw refused("ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE", "Only a loss that was not given in to can be appealed, once.");
  Object.assign(dispute, { status: "UNDER_REVIEW", stage: "PRE_ARBITRATION", outcome: null, updatedAt: world.clock.now() });
  tellDispute(world, dispute, "UPDATED");
}

export function tellDispute(world: World, dispute: Dispute, what: string): void {
  world.emit(dispute.merchant, `CUSTOMER.DISPUTE.${what}`, "dispute", disputeBody(world, dispute), "1.0");
}
