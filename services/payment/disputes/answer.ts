import { LockMode } from "@mikro-orm/postgresql";
import { errors } from "../../../config/errors.ts";
import { Dispute, type DisputeRow } from "../../../entities/Dispute.ts";
import type { Outcome } from "../gateway/gateway.ts";
import type { Till } from "../till.ts";
import { readDisputeRow } from "./disputes.ts";
import { disputesGateway, type Evidence } from "./gateway.ts";
import { lookAtDispute } from "./look.ts";

/** What each kind of evidence of PayPal's needs: all but the first three are documents. */
const needs = {
  PROOF_OF_FULFILLMENT: "tracking",
  PROOF_OF_REFUND: "refundId",
  OTHER: "note",
  PROOF_OF_DELIVERY_SIGNATURE: "documents",
  PROOF_OF_RECEIPT_COPY: "documents",
  RETURN_POLICY: "documents",
  BILLING_AGREEMENT: "documents",
  ITEM_DESCRIPTION: "documents",
} as const satisfies Record<string, keyof Evidence>;
export const evidenceTypes = Object.keys(needs) as (keyof typeof needs)[];
/** As callers call them. */
const pointers = { tracking: "/tracking", refundId: "/paypalRefundId", note: "/note", documents: "/documents" } as const;

const disputedOf = ({ tenantId, accountId, paymentId, subscriptionId, invoiceId }: DisputeRow) => ({
  tenantId,
  accountId: accountId ?? null,
  paymentId: paymentId ?? null,
  subscriptionId: subscriptionId ?? null,
  invoiceId: invoiceId ?? null,
});

/**
 * Gives in: PayPal gives the disputed amount back to the payer. That it was asked for is written down before PayPal hears of it.
 * @param note for the payer
 * @throws DISPUTE_NOT_FOUND, CONFLICT once it is resolved, DISPUTE_REFUSED with PayPal's issue, PAYMENT_GATEWAY_UNAVAILABLE when its answer was
 * lost: the dispute then shows what became of it
 */
export async function acceptClaim(till: Till, tenantId: string, id: string, note: string): Promise<DisputeRow> {
  const known = await readDisputeRow(till.db, tenantId, id);
  let isFirst = false;
  await write(till, known, (dispute) => {
    if (dispute.state !== "open") throw errors.conflict("This dispute is resolved.", { id });
    isFirst = dispute.acceptedAt == null;
    dispute.acceptedAt ??= new Date();
  });
  const answer = await (await gatewayOf(till, known)).accept(known.paypalId, note);
  if (answer.outcome !== "refused") return await outcomeOf(till, known, answer);
  // PayPal may refuse because it took an earlier one whose answer was lost.
  const dispute = await look(till, known);
  if (!isFirst && dispute.outcome === "lost") return dispute;
  if (isFirst && dispute.state === "open") await write(till, known, (refused) => (refused.acceptedAt = null));
  throw refusal(known, answer);
}

/**
 * Answers a claim with evidence.
 * @throws VALIDATION_FAILED naming what is missing; else as `acceptClaim`
 */
export async function provideEvidence(till: Till, tenantId: string, id: string, evidence: Evidence): Promise<DisputeRow> {
  const known = await readDisputeRow(till.db, tenantId, id);
  const needed = needs[evidence.type as keyof typeof needs];
  // A document may show what fulfils, refunds or else.
  if (!evidence[needed] && !evidence.documents?.length)
    throw errors.invalid([
      { pointer: pointers[needed], detail: `is required for ${evidence.type}${needed === "documents" ? "" : ", or documents"}` },
    ]);
  if (known.state !== "open") throw errors.conflict("This dispute is resolved.", { id });
  const answer = await (await gatewayOf(till, known)).provideEvidence(known.paypalId, evidence);
  if (answer.outcome === "ok") await write(till, known, (dispute) => (dispute.answeredAt = new Date()));
  return await outcomeOf(till, known, answer);
}

const write = (till: Till, { id, tenantId }: DisputeRow, change: (dispute: DisputeRow) => void) =>
  till.db.tenant(tenantId, async (em) => change(await em.findOneOrFail(Dispute, { id }, { lockMode: LockMode.PESSIMISTIC_WRITE })));

async function outcomeOf(till: Till, known: DisputeRow, answer: Outcome<true>): Promise<DisputeRow> {
  if (answer.outcome === "refused") throw refusal(known, answer);
  const dispute = await look(till, known);
  // A lost answer that a look can't explain stays a lost answer.
  if (answer.outcome === "unknown" && dispute.paypalStatus === known.paypalStatus)
    throw errors.gatewayUnavailable(`PayPal has not confirmed it: ${answer.reason}.`, { id: known.id });
  return dispute;
}

/** Reads it anew at PayPal, if that can be had. */
async function look(till: Till, known: DisputeRow): Promise<DisputeRow> {
  await lookAtDispute(till, disputedOf(known), known.paypalId);
  return await readDisputeRow(till.db, known.tenantId, known.id);
}

const refusal = ({ id }: DisputeRow, { detail, issue }: Extract<Outcome<true>, { outcome: "refused" }>) =>
  errors.disputeRefused(`PayPal refused it: ${detail}`, { id, issue });

const gatewayOf = async (till: Till, { tenantId, accountId }: DisputeRow) =>
  disputesGateway((await till.paypal(tenantId, accountId ?? null)).connection);
