import type { EntryKind } from "../../../entities/LedgerEntry.ts";
import type { BreakKind } from "../../../entities/ReconciliationBreak.ts";
import type { TransactionView } from "../gateway/search.ts";
import { ownedBy, type Owner } from "../ledger/owner.ts";
import type { Currency, Money } from "../money.ts";
import { meaningOf } from "./codes.ts";

/** An entry of the ledger, as far as it is compared. */
export interface Booked extends Owner {
  kind: EntryKind;
  objectId: string;
  captureId: string;
  amountMinor: bigint;
  currency: Currency;
  at: Date;
}

/** A row of a capture, a refund or a subscription's sale that has PayPal's id. */
export interface Recorded extends Owner {
  thing: Thing;
  paypalId: string;
  /** "completed" for what went through, whatever became of it since. */
  status: string;
}

/** What is known here of the transactions of a window. */
export interface Ours {
  /** Entries by the object that they are of, and by the capture that that began with. */
  byObject: ReadonlyMap<string, readonly Booked[]>;
  byCapture: ReadonlyMap<string, readonly Booked[]>;
  /** By PayPal's id. */
  recorded: ReadonlyMap<string, Recorded>;
  /** Payments, subscriptions and invoices of the organisation that transactions name. */
  named: ReadonlyMap<TransactionView, Owner>;
}

export function oursFrom(booked: readonly Booked[], recorded: readonly Recorded[], named: Ours["named"]): Ours {
  return {
    byObject: Map.groupBy(booked, ({ objectId }) => objectId),
    byCapture: Map.groupBy(booked, ({ captureId }) => captureId),
    recorded: new Map(recorded.map((row) => [row.paypalId, row])),
    named,
  };
}

/** What moves money at PayPal and can be looked at there. */
export type Thing = "capture" | "refund" | "reversal";
/** What a look at PayPal may tell more of: one of them, or the disputes of a capture. */
export type Sight = Thing | "disputes";

export interface Found extends Owner {
  kind: BreakKind;
  /** PayPal's id of the transaction, or ours of what PayPal has not. */
  objectId: string;
  code: string | null;
  at: Date;
  /** What each side says, for people. */
  paypal: { amount: Money | null; fee: Money | null; status: string } | null;
  ours: { amount: Money | null; fee: Money | null; status: string | null } | null;
  evidence: object | null;
  /** Why it needs nobody: money that moved for no sale. */
  explanation: string | null;
  /** What a look at PayPal may tell more of, with what its report says of it. */
  look: { thing: Sight; id: string; told: TransactionView | null } | null;
}

const ownerOf = ({ paymentId, subscriptionId, invoiceId }: Owner): Owner => ({ paymentId, subscriptionId, invoiceId });
const things: readonly EntryKind[] = ["capture", "refund", "reversal"] satisfies Thing[];
const size = (money: Money): Money => ({ ...money, amountMinor: money.amountMinor < 0n ? -money.amountMinor : money.amountMinor });
const transfers = "Money moved between PayPal and the bank account, or from one balance to another.";

/** One transaction of PayPal's against what is known of it; null when all agree. */
export function compareOne(transaction: TransactionView, ours: Ours): Found | null {
  const meaning = meaningOf(transaction.code);
  const of = (kinds: readonly EntryKind[], id: string | null) => ours.byObject.get(id ?? "")?.find(({ kind }) => kinds.includes(kind));
  const begunWith = (kinds: readonly EntryKind[], id: string | null) =>
    ours.byCapture.get(id ?? "")?.find(({ kind }) => kinds.includes(kind));
  const { id, referenceId, status } = transaction;

  if (meaning === "transfer") return unknown(transaction, transfers);
  if (meaning === "conversion") {
    const exchanged = of(["capture_conversion", "refund_conversion", "reversal_conversion"], referenceId);
    const { amount } = transaction;
    // Of its two sides the ledger has the one that was bought; what was sold for it is what the capture or refund came to.
    if (exchanged)
      return amount?.currency === exchanged.currency && size(amount).amountMinor !== exchanged.amountMinor
        ? differs("amount_differs", transaction, exchanged, undefined, null)
        : null;
    const sold = of(things, referenceId);
    if (sold) return { ...missing(transaction, sold), look: { thing: sold.kind as Thing, id: sold.objectId, told: null } };
    return ours.named.has(transaction) ? lost(transaction, ours) : unknown(transaction, transfers);
  }
  if (meaning === "hold" || meaning === "release") {
    const steps = ["dispute_release", "dispute_loss", ...(meaning === "hold" ? ["dispute_hold" as const] : [])] as const;
    return begunWith(steps, referenceId) ? null : lost(transaction, ours);
  }
  if (meaning === "fee") return begunWith(["dispute_fee", "refund_fee", "reversal_fee"], referenceId) ? null : lost(transaction, ours);
  if (meaning === "other") return unknown(transaction, null);

  const entry = of(things, id);
  const row = ours.recorded.get(id);
  const moved = status !== "P" && status !== "D";
  if (!entry) {
    // A lost dispute has booked what this reversal carries out.
    if (meaning === "reversal" && begunWith(["dispute_loss"], referenceId)) return null;
    if (!moved) return row?.status === "completed" ? differs("status_differs", transaction, entry, row, null) : null;
    return row && row.status !== "completed" ? differs("status_differs", transaction, entry, row, null) : lost(transaction, ours);
  }
  const fee = of([`${entry.kind as Thing}_fee`], id);
  const kept: Money = { amountMinor: fee?.amountMinor ?? 0n, currency: entry.currency };
  if (!moved) return differs("status_differs", transaction, entry, row, kept);
  if (!transaction.amount) return differs("amount_differs", transaction, entry, row, kept);
  if (transaction.amount.currency !== entry.currency) return differs("currency_differs", transaction, entry, row, kept);
  if (size(transaction.amount).amountMinor !== entry.amountMinor) return differs("amount_differs", transaction, entry, row, kept);
  const charged = transaction.fee && size(transaction.fee);
  if (charged && (charged.amountMinor !== kept.amountMinor || (charged.amountMinor !== 0n && charged.currency !== kept.currency)))
    return differs("fee_differs", transaction, entry, row, kept);
  if (row && row.status !== "completed") return differs("status_differs", transaction, entry, row, kept);
  return null;
}

/** Transactions that PayPal reports more than once though the money can't have moved twice, as one break each. */
export function duplicates(transactions: readonly TransactionView[]): Found[] {
  const seen = new Map<string, TransactionView[]>();
  for (const transaction of transactions) {
    const meaning = meaningOf(transaction.code);
    // The two sides of a conversion share an id, as may a hold and its end.
    if (meaning === "conversion" || meaning === "hold" || meaning === "release") continue;
    const key = `${transaction.id} ${meaning}`;
    const same = seen.get(key);
    if (same) same.push(transaction);
    else seen.set(key, [transaction]);
  }
  return [...seen.values()]
    .filter((same) => same.length > 1)
    .map((same) => ({
      ...base("duplicate_at_paypal", same[0]!),
      evidence: same.map(({ raw }) => raw),
    }));
}

/** What the ledger has of a period and PayPal does not report. @param reported ids of PayPal's transactions of the period and somewhat around it */
export function missingAtPayPal(booked: readonly Booked[], reported: ReadonlySet<string>): Found[] {
  return booked
    .filter(({ kind, objectId }) => things.includes(kind) && !reported.has(objectId))
    .map(({ objectId, at, amountMinor, currency, ...owner }) => ({
      ...({ kind: "missing_at_paypal", objectId, code: null, at, ...ownerOf(owner), paypal: null } as const),
      ours: { amount: { amountMinor, currency }, fee: null, status: null },
      ...{ evidence: null, explanation: null, look: null },
    }));
}

function base(kind: BreakKind, transaction: TransactionView): Found {
  const { id, code, at, amount, fee, status, raw } = transaction;
  return {
    kind,
    objectId: id,
    code,
    at,
    ...ownedBy(),
    paypal: { amount, fee: fee && { ...fee, amountMinor: -fee.amountMinor }, status },
    ours: null,
    evidence: raw,
    explanation: null,
    look: lookFor(transaction),
  };
}

function lookFor(transaction: TransactionView): Found["look"] {
  const { id, code, referenceId } = transaction;
  const meaning = meaningOf(code);
  if (meaning === "capture" || meaning === "refund" || meaning === "reversal") return { thing: meaning, id, told: transaction };
  const disputed = meaning === "hold" || meaning === "release" || meaning === "fee";
  return disputed && referenceId !== null ? { thing: "disputes", id: referenceId, told: transaction } : null;
}

const unknown = (transaction: TransactionView, explanation: string | null): Found => ({
  ...base("unknown_reference", transaction),
  explanation,
});

const missing = (transaction: TransactionView, owner: Owner): Found => ({ ...base("missing_in_ledger", transaction), ...ownerOf(owner) });

/** Money that moved and is not booked: of something of ours, or of something nobody here knows. */
function lost(transaction: TransactionView, { named }: Ours): Found {
  const owner = named.get(transaction);
  return owner ? missing(transaction, owner) : unknown(transaction, null);
}

function differs(
  kind: BreakKind,
  transaction: TransactionView,
  entry: Booked | undefined,
  row: Recorded | undefined,
  fee: Money | null,
): Found {
  return {
    ...base(kind, transaction),
    ...ownerOf(entry ?? row ?? ownedBy()),
    ours: { amount: entry ? { amountMinor: entry.amountMinor, currency: entry.currency } : null, fee, status: row?.status ?? null },
  };
}
