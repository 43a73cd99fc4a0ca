import { type Amount, amountOf } from "./amounts.ts";
import { type Dispute, disputeFee } from "./disputes.ts";
import type { World } from "./world.ts";

const states: Record<Dispute["status"], string> = {
  OPEN: "OPEN_INQUIRIES",
  WAITING_FOR_BUYER_RESPONSE: "REQUIRED_OTHER_PARTY_ACTION",
  WAITING_FOR_SELLER_RESPONSE: "REQUIRED_ACTION",
  UNDER_REVIEW: "UNDER_PAYPAL_REVIEW",
  RESOLVED: "RESOLVED",
};

function movementsOf(world: World, dispute: Dispute) {
  const { refund, amount, updatedAt } = dispute;
  const of = (moved: Amount, reason: string) => ({
    affected_party: "SELLER",
    amount: moved,
    initiated_time: world.clock.stamp(updatedAt),
    type: "DEBIT",
    reason,
  });
  const fee = disputeFee(dispute);
  return [
    ...(refund ? [of(refund.amount, "DISPUTE_SETTLEMENT")] : []),
    ...(fee ? [of(amountOf(fee, amount.currency_code), "CHARGEBACK_FEE")] : []),
  ];
}

/** What a list shows of it. */
export function disputeSummary(world: World, dispute: Dispute) {
  const { id, reason, status, amount, stage, channel, createdAt, updatedAt } = dispute;
  return {
    dispute_id: id,
    create_time: world.clock.stamp(createdAt),
    update_time: world.clock.stamp(updatedAt),
    ...{ reason, status, dispute_state: states[status], dispute_amount: amount, dispute_life_cycle_stage: stage, dispute_channel: channel },
    links: [{ href: `${world.origin}/v1/customer/disputes/${id}`, rel: "self", method: "GET" }],
  };
}

export function disputeBody(world: World, dispute: Dispute) {
  const capture = world.captures.get(dispute.captureId, null);
  const account = world.accounts.of(dispute.merchant);
  const summary = disputeSummary(world, dispute);
  const self = summary.links[0]!.href;
  const moves = { OPEN: ["accept-claim", "escalate", "send-message"], WAITING_FOR_SELLER_RESPONSE: ["accept-claim", "provide-evidence"] };
  const allowed = (moves as Partial<Record<Dispute["status"], string[]>>)[dispute.status] ?? [];
  const movements = movementsOf(world, dispute);
  return {
    ...summary,
    disputed_transactions: [
      {
        seller_transaction_id: capture.id,
        buyer_transaction_id: capture.id,
        create_time: world.clock.stamp(capture.createdAt),
        transaction_status: "COMPLETED",
        gross_amount: capture.amount,
        ...(capture.invoiceId && { invoice_number: capture.invoiceId }),
        ...(capture.customId && { custom: capture.customId }),
        buyer: { name: "Pat Payer" },
        seller: { email: account.email, merchant_id: account.payerId, name: "Merchant" },
        seller_protection_eligible: true,
      },
    ],
    messages: dispute.messages,
    ...(dispute.evidences.length && { evidences: dispute.evidences }),
    ...(dispute.dueAt !== null && { seller_response_due_date: world.clock.stamp(dispute.dueAt) }),
    ...(dispute.outcome && {
      dispute_outcome: { outcome_code: dispute.outcome, ...(dispute.refund && { amount_refunded: dispute.refund.amount }) },
    }),
    ...(movements.length && { money_movements: movements }),
    links: [...summary.links, ...allowed.map((rel) => ({ href: `${self}/${rel}`, rel: rel.replaceAll("-", "_"), method: "POST" }))],
  };
}
