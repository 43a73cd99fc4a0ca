import { type Amount, amountOf, minorOf } from "./amounts.ts";
import type { Capture } from "./captures.ts";
import { type Dispute, disputeFee } from "./disputes.ts";
import { derivedId } from "./ids.ts";
import type { Refund } from "./refunds.ts";
import type { World } from "./world.ts";

/** One line of an account's report. Its id is not unique: a payment that was pending has two, one of which moved nothing. */
export interface Line {
  id: string;
  /** PayPal's event code. */
  code: string;
  /** S done, P pending, D denied, V done and given back in full. */
  status: "S" | "P" | "D" | "V";
  at: number;
  updatedAt: number;
  /** Negative where it leaves the account. */
  amount: Amount;
  fee: Amount | null;
  movesBalance: boolean;
  reference: { id: string; type: "TXN" | "ODR" | "SUB" } | null;
  invoiceId: string | undefined;
  customId: string | undefined;
}

const minus = (amount: Amount) => amountOf(-minorOf(amount), amount.currency_code);

interface Rate {
  exchange_rate?: object | undefined;
  receivable_amount?: Amount | undefined;
}

/** The two sides of an exchange, under one id. */
function conversion(of: string, from: Amount, to: Amount, at: number, name = "conversion"): Line[] {
  const line = {
    id: derivedId(`${name} of ${of}`),
    code: "T0200",
    status: "S",
    at,
    updatedAt: at,
    fee: null,
    movesBalance: true,
  } as const;
  const rest = { reference: { id: of, type: "TXN" }, invoiceId: undefined, customId: undefined } as const;
  return [
    { ...line, ...rest, amount: from },
    { ...line, ...rest, amount: to },
  ];
}

function linesOfCapture(world: World, capture: Capture): Line[] {
  const { id, amount, status, breakdown, subscriptionId, orderId, createdAt, updatedAt, invoiceId, customId } = capture;
  const isBack =
    world.refunds.of(id).reduce((sum, one) => sum + (one.status === "COMPLETED" ? minorOf(one.amount) : 0n), 0n) >= minorOf(amount);
  const reference: Line["reference"] = subscriptionId ? { id: subscriptionId, type: "SUB" } : orderId ? { id: orderId, type: "ODR" } : null;
  const line = {
    id,
    code: subscriptionId ? "T0002" : capture.paypalInvoiceId ? "T0000" : "T0006",
    amount,
    reference,
    invoiceId,
    customId,
    updatedAt,
  };
  if (status !== "COMPLETED") return [{ ...line, status: status === "PENDING" ? "P" : "D", at: createdAt, fee: null, movesBalance: false }];
  const at = capture.wasPending ? updatedAt : createdAt;
  const rate: Rate = breakdown!;
  return [
    ...(capture.wasPending ? [{ ...line, status: "P", at: createdAt, fee: null, movesBalance: false } as const] : []),
    { ...line, status: isBack ? "V" : "S", at, fee: minus(breakdown!.paypal_fee), movesBalance: true },
    ...(rate.receivable_amount ? conversion(id, minus(breakdown!.net_amount), rate.receivable_amount, at) : []),
  ];
}

const refundCodes: Record<Refund["cause"], string> = { seller: "T1107", paypal: "T1106", chargeback: "T1201" };

function linesOfRefund(refund: Refund): Line[] {
  const { id, amount, cause, status, captureId, createdAt, updatedAt, invoiceId, customId, breakdown } = refund;
  const moves = status === "COMPLETED" || status === "CANCELLED";
  const letter = ({ PENDING: "P", COMPLETED: "S", CANCELLED: "V" } as const)[status as string] ?? "D";
  const fee = minorOf(breakdown.paypal_fee) > 0n ? breakdown.paypal_fee : null;
  const inOther = moves ? breakdown.net_amount_in_receivable_currency : undefined;
  const common = { id, updatedAt, reference: { id: captureId, type: "TXN" } as const, invoiceId, customId };
  return [
    { ...common, code: refundCodes[cause], status: letter, at: createdAt, amount: minus(amount), fee, movesBalance: moves },
    ...(inOther ? conversion(id, breakdown.net_amount, minus(inOther), createdAt) : []),
    // An appeal was won: it comes back.
    ...(status === "CANCELLED"
      ? [{ ...common, code: "T1202", status: "S" as const, at: updatedAt, amount, fee: fee && minus(fee), movesBalance: true }]
      : []),
    ...(status === "CANCELLED" && inOther ? conversion(id, minus(breakdown.net_amount), inOther, updatedAt, "return") : []),
  ];
}

/** What a dispute keeps back and gives free again, and what it costs. */
function linesOfDispute(dispute: Dispute): Line[] {
  const { id, captureId, amount, heldAt, releasedAt } = dispute;
  const line = (name: string, code: string, moved: Amount, at: number): Line => ({
    ...{ id: derivedId(`${name} ${id}`), code, status: "S", at, updatedAt: at, amount: moved, fee: null, movesBalance: true },
    ...{ reference: { id: captureId, type: "TXN" }, invoiceId: undefined, customId: undefined },
  });
  const fee = disputeFee(dispute);
  return [
    ...(heldAt === null ? [] : [line("hold", "T1110", minus(amount), heldAt)]),
    ...(heldAt === null || releasedAt === null ? [] : [line("release", "T1111", amount, releasedAt)]),
    ...(fee === 0n ? [] : [line("fee", "T0106", amountOf(-fee, amount.currency_code), dispute.feeAt!)]),
  ];
}

/** All that happened in an account, oldest first: worked out from what there is, so that it never contradicts it. */
export function journalOf(world: World, merchant: string): Line[] {
  const authorizations = world.authorizations.all(merchant).map(({ id, amount, orderId, createdAt, updatedAt, invoiceId, customId }) => ({
    ...({ id, code: "T1300", status: "S", at: createdAt, updatedAt, amount, fee: null, movesBalance: false } as const),
    ...{ reference: { id: orderId, type: "ODR" as const }, invoiceId, customId },
  }));
  return [
    ...authorizations,
    ...world.captures.all(merchant).flatMap((capture) => linesOfCapture(world, capture)),
    ...world.refunds.all(merchant).flatMap(linesOfRefund),
    ...world.disputes.all(merchant).flatMap(linesOfDispute),
  ].sort((one, other) => one.at - other.at);
}
