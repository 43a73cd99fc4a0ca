import { list, record, text } from "../gateway/answer.ts";
import type { FilePart, PayPalConnection } from "../gateway/connection.ts";
import type { Outcome } from "../gateway/gateway.ts";
import { readAmount, type Money } from "../money.ts";

/** A dispute as PayPal shows it. */
export interface DisputeView {
  id: string;
  /** E.g. WAITING_FOR_SELLER_RESPONSE, UNDER_REVIEW, RESOLVED. */
  status: string;
  reason: string;
  /** INQUIRY: a question, nothing is kept back; CHARGEBACK, PRE_ARBITRATION, ARBITRATION: a claim. */
  stage: string;
  /** INTERNAL: at PayPal; EXTERNAL: at the payer's bank. */
  channel: string;
  amount: Money;
  /** The capture or sale. */
  captureId: string;
  dueAt: Date | null;
  outcome: string | null;
  /** What went back to the payer. */
  refunded: Money | null;
  /** What PayPal charged for it, in minor units of the dispute's currency. */
  feeMinor: bigint | null;
  openedAt: Date;
  changedAt: Date;
}

export interface Evidence {
  /** PayPal's word, e.g. PROOF_OF_FULFILLMENT. */
  type: string;
  note?: string;
  tracking?: { carrier: string; number: string };
  /** PayPal's id of a refund. */
  refundId?: string;
  documents?: readonly FilePart[];
}

export interface DisputesGateway {
  get(id: string): Promise<Outcome<DisputeView>>;
  /** Ids of the disputes of a capture or sale, at most 50. */
  of(captureId: string): Promise<Outcome<string[]>>;
  /** Gives in: PayPal gives the amount back to the payer. PayPal refuses a second time by the dispute's state. */
  accept(id: string, note: string): Promise<Outcome<true>>;
  provideEvidence(id: string, evidence: Evidence): Promise<Outcome<true>>;
}

const pathOf = (id: string, action = "") => `/v1/customer/disputes/${encodeURIComponent(id)}${action}`;

/** Disputes v1, which PayPal's SDK lacks. */
export function disputesGateway(connection: PayPalConnection): DisputesGateway {
  const done = () => true as const;
  return {
    get: (id) => connection.send({ method: "GET", path: pathOf(id) }, readDispute),
    of: (captureId) =>
      connection.send(
        { method: "GET", path: `/v1/customer/disputes?page_size=50&disputed_transaction_id=${encodeURIComponent(captureId)}` },
        (body) => list(record(body)["items"]).flatMap((item) => text(record(item)["dispute_id"]) ?? []),
      ),
    accept: (id, note) => connection.send({ method: "POST", path: pathOf(id, "/accept-claim"), body: { note } }, done),
    provideEvidence: (id, evidence) =>
      connection.send(
        {
          ...{ method: "POST", path: pathOf(id, "/provide-evidence"), body: { evidences: [evidenceOf(evidence)] } },
          ...(evidence.documents?.length && { files: evidence.documents }),
        },
        done,
      ),
  };
}

function evidenceOf({ type, note, tracking, refundId }: Evidence) {
  const info = {
    ...(tracking && { tracking_info: [{ carrier_name: tracking.carrier, tracking_number: tracking.number }] }),
    ...(refundId !== undefined && { refund_ids: [{ refund_id: refundId }] }),
  };
  return { evidence_type: type, ...(Object.keys(info).length && { evidence_info: info }), ...(note !== undefined && { notes: note }) };
}

/** Null when it is no dispute that can be reckoned with. */
export function readDispute(body: unknown): DisputeView | null {
  const dispute = record(body);
  const transaction = record(list(dispute["disputed_transactions"])[0]);
  const outcome = record(dispute["dispute_outcome"]);
  const [id, status, captureId] = [text(dispute["dispute_id"]), text(dispute["status"]), text(transaction["seller_transaction_id"])];
  const [amount, openedAt] = [moneyOf(dispute["dispute_amount"]), moment(dispute["create_time"])];
  if (!id || !status || !captureId || !amount || !openedAt) return null;
  return {
    ...{ id, status, captureId, amount, openedAt },
    reason: text(dispute["reason"]) ?? "OTHER",
    stage: text(dispute["dispute_life_cycle_stage"]) ?? "CHARGEBACK",
    channel: text(dispute["dispute_channel"]) ?? "INTERNAL",
    dueAt: moment(dispute["seller_response_due_date"]),
    outcome: text(outcome["outcome_code"]),
    refunded: moneyOf(outcome["amount_refunded"]),
    feeMinor: feeOf(dispute["money_movements"], amount),
    changedAt: moment(dispute["update_time"]) ?? openedAt,
  };
}

function feeOf(movements: unknown, { currency }: Money): bigint | null {
  const fees = list(movements)
    .map(record)
    .filter(({ affected_party: party, type, reason }) => party === "SELLER" && type === "DEBIT" && /FEE/.test(text(reason) ?? ""))
    .map(({ amount }) => moneyOf(amount))
    .filter((fee) => fee?.currency === currency);
  return fees.length ? fees.reduce((sum, fee) => sum + (fee?.amountMinor ?? 0n), 0n) : null;
}

function moneyOf(value: unknown): Money | null {
  const { value: amount, currency_code: currency } = record(value);
  return readAmount(text(amount), text(currency));
}

function moment(value: unknown): Date | null {
  const at = new Date(text(value) ?? NaN);
  return Number.isNaN(at.getTime()) ? null : at;
}
