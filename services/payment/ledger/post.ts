import { errors } from "../../../config/errors.ts";
import type { Em } from "../../../mixins/database.ts";
import type { Money } from "../money.ts";
import { bookings, conversion, transfer } from "./bookings.ts";
import { carriesOutLoss, writeContested } from "./contested.ts";
import { writeEntry, type Fact } from "./entry.ts";

/** What arrived in the balance of another currency, and PayPal's rate. */
export interface Settled {
  net: Money;
  rate: string;
}

export interface CaptureFact extends Fact {
  gross: Money;
  /** All that was kept of it, in its currency; null while PayPal has not said. */
  fee: bigint | null;
  /** Set when PayPal credits another currency; booked once the fee is known too. */
  settled: Settled | null;
}

/** A refund, or what PayPal or a bank took back. */
export interface RefundFact extends Fact {
  /** PayPal's id of the capture or sale it takes from. */
  captureId: string;
  gross: Money;
  /** What came back of the capture's fee, in its currency; null while PayPal has not said. */
  feeReturned: bigint | null;
  /** Set when PayPal debits another currency, with what it debited. */
  settled: Settled | null;
  /** Whether it was asked for here: then it is never how a lost dispute's amount went back. */
  ours?: boolean;
}

export interface DisputeFact extends Fact {
  /** PayPal's id of the disputed capture or sale. */
  captureId: string;
  amount: Money;
  /** What PayPal charges for the dispute, in its currency; null or left out when nothing or not known. */
  fee?: bigint | null;
}

/**
 * Each function books a fact in the transaction that records it, once: a repeat changes nothing, and what is learnt later (the fee of a held
 * capture, say) is booked by the repeat that knows it. @returns whether anything was new
 */
export async function postCapture(em: Em, fact: CaptureFact): Promise<boolean> {
  return await whole(em, "capture", { ...fact, captureId: fact.objectId }, fact.fee);
}

/** A refund. One of PayPal's that carries out a lost dispute which is booked already is booked as the reversal that it is. */
export async function postRefund(em: Em, { ours, ...fact }: RefundFact): Promise<boolean> {
  const kind = !ours && (await carriesOutLoss(em, fact)) ? "reversal" : "refund";
  return await whole(em, kind, fact, fact.feeReturned);
}

/** A chargeback, or money that PayPal took back by itself. What a lost dispute has booked of it already is not booked again. */
export async function postReversal(em: Em, fact: RefundFact): Promise<boolean> {
  return await whole(em, "reversal", fact, fact.feeReturned);
}

/** A dispute was opened: PayPal keeps its amount out of the balance. */
export async function postDisputeHold(em: Em, fact: DisputeFact): Promise<boolean> {
  return await disputed(em, "dispute_hold", fact);
}

/** A dispute was won or withdrawn: what was held comes back. */
export async function postDisputeRelease(em: Em, fact: DisputeFact): Promise<boolean> {
  return await disputed(em, "dispute_release", fact);
}

/** A dispute was lost, with `amount`: the rest of what was held comes back. */
export async function postDisputeLoss(em: Em, fact: DisputeFact): Promise<boolean> {
  return await disputed(em, "dispute_loss", fact);
}

async function disputed(em: Em, kind: "dispute_hold" | "dispute_release" | "dispute_loss", fact: DisputeFact): Promise<boolean> {
  check(fact, fact.amount);
  const written = await writeContested(em, { ...fact, kind });
  const amount = { amountMinor: fact.fee ?? 0n, currency: fact.amount.currency };
  if (amount.amountMinor === 0n) return written;
  const charged = await writeEntry(em, { ...fact, kind: "dispute_fee", amount, lines: transfer(bookings.dispute_fee, amount) });
  return written || charged;
}

/** A movement, its fee and its conversion: an entry each, since PayPal may tell them at different times. */
async function whole(
  em: Em,
  kind: "capture" | "refund" | "reversal",
  fact: Omit<RefundFact, "feeReturned">,
  fee: bigint | null,
): Promise<boolean> {
  const { gross, settled } = fact;
  const { currency } = gross;
  check(fact, gross);
  const written =
    kind === "reversal"
      ? await writeContested(em, { ...fact, kind, amount: gross })
      : await writeEntry(em, { ...fact, kind, amount: gross, lines: transfer(bookings[kind], gross) });
  if (fee === null) return written;

  const feeKind = `${kind}_fee` as const;
  const amount = { amountMinor: fee, currency };
  const charged = await writeEntry(em, { ...fact, kind: feeKind, amount, lines: transfer(bookings[feeKind], amount) });
  if (!settled || settled.net.currency === currency) return written || charged;

  const sign = kind === "capture" ? 1n : -1n;
  const given = { amountMinor: sign * (gross.amountMinor - fee), currency };
  const gotten = { ...settled.net, amountMinor: sign * settled.net.amountMinor };
  const entry = { ...fact, kind: `${kind}_conversion` as const, amount: settled.net, rate: settled.rate };
  const converted = await writeEntry(em, { ...entry, lines: conversion(given, gotten) });
  return written || charged || converted;
}

/** @throws INTERNAL_ERROR when the fact moves nothing or belongs to nobody: a fault of the caller's reading */
function check({ objectId, paymentId, subscriptionId, invoiceId }: Fact, { amountMinor, currency }: Money): void {
  if (amountMinor <= 0n)
    throw errors.internal(`A ledger entry needs an amount above zero; ${amountMinor} ${currency} came for ${objectId}.`);
  if (!paymentId && !subscriptionId && !invoiceId)
    throw errors.internal(`A ledger entry needs a payment, a subscription or an invoice; ${objectId} came with none.`);
}
