import type { EntryKind } from "../../../entities/LedgerEntry.ts";
import type { LedgerAccount } from "../../../entities/LedgerLine.ts";
import type { Currency, Money } from "../money.ts";

/** Positive is debit, negative credit; in minor units. */
export interface Line {
  account: LedgerAccount;
  currency: Currency;
  amountMinor: bigint;
}

interface Booking {
  credit: LedgerAccount;
  debit: LedgerAccount;
}

/** How a fact that always moves its whole amount is booked. What conversions and disputes move is worked out below. */
export const bookings = {
  capture: { credit: "revenue", debit: "paypal:balance" },
  capture_fee: { credit: "paypal:balance", debit: "fees" },
  refund: { credit: "paypal:balance", debit: "refunds" },
  refund_fee: { credit: "fees", debit: "paypal:balance" },
  reversal_fee: { credit: "fees", debit: "paypal:balance" },
  dispute_fee: { credit: "paypal:balance", debit: "fees" },
} as const satisfies Partial<Record<EntryKind, Booking>>;

/** Lines that move an amount from one account to another; a negative one moves back, nothing makes no lines. */
export function transfer({ credit, debit }: Booking, { amountMinor, currency }: Money): Line[] {
  if (amountMinor === 0n) return [];
  return [
    { account: debit, currency, amountMinor },
    { account: credit, currency, amountMinor: -amountMinor },
  ];
}

/** What PayPal changed into another currency: out of one balance into `fx`, out of `fx` into the other, so that each currency sums to zero. */
export const conversion = (given: Money, gotten: Money): Line[] => [
  ...transfer({ credit: "paypal:balance", debit: "fx" }, given),
  ...transfer({ credit: "fx", debit: "paypal:balance" }, gotten),
];

/** What is known of a capture's reversals and disputes, in one currency. */
export interface Contested {
  /** Sum of what PayPal or a bank took back. */
  reversed: bigint;
  disputes: { held: bigint; lost: bigint; state: "open" | "released" | "lost" }[];
}

/**
 * Where the contested money of a capture stands. A lost dispute and the reversal that carries it out are one loss, told by two events: the
 * larger one counts, whichever comes first.
 */
export function contestedBalances({ reversed, disputes }: Contested): { held: bigint; chargebacks: bigint } {
  const sum = (values: bigint[]) => values.reduce((total, value) => total + value, 0n);
  const lost = sum(disputes.filter(({ state }) => state === "lost").map((dispute) => dispute.lost));
  const held = sum(disputes.filter(({ state }) => state === "open").map((dispute) => dispute.held));
  return { held, chargebacks: reversed > lost ? reversed : lost };
}

/** Lines that lead from what was contested to what is: the same whatever the order of the facts. */
export function contest(before: Contested, after: Contested, currency: Currency): Line[] {
  const [from, to] = [contestedBalances(before), contestedBalances(after)];
  const held = to.held - from.held;
  const chargebacks = to.chargebacks - from.chargebacks;
  const lines: Line[] = [
    { account: "disputes:held", currency, amountMinor: held },
    { account: "chargebacks", currency, amountMinor: chargebacks },
    { account: "paypal:balance", currency, amountMinor: -held - chargebacks },
  ];
  return lines.filter(({ amountMinor }) => amountMinor !== 0n);
}
