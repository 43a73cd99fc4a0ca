import { type Amount, amountOf, demandAmount, minorOf } from "./amounts.ts";
import type { Capture } from "./captures.ts";
import { Complaints } from "./complaints.ts";
import { type Dispute, isChargeback, openDisputeOf, resolveDispute } from "./disputes.ts";
import { payable } from "./fees.ts";
import { paypalId } from "./ids.ts";
import { tellInvoiceOf } from "./invoices.ts";
import { refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import { saleRefundBody } from "./sales.ts";
import type { World } from "./world.ts";

/** Money that goes back: a refund by the seller, or a reversal by PayPal or a bank (chargeback), which looks the same but for its event. */
export interface Refund {
  id: string;
  merchant: string;
  captureId: string;
  cause: "seller" | "paypal" | "chargeback";
  status: "COMPLETED" | "PENDING" | "FAILED" | "CANCELLED";
  reason: string | undefined;
  amount: Amount;
  breakdown: ReturnType<typeof payable>;
  invoiceId: string | undefined;
  customId: string | undefined;
  note: string | undefined;
  createdAt: number;
  updatedAt: number;
}

const mostRefunds = 100;

/** What has gone back of a capture, or is on its way, in minor units. */
export const refunded = (world: World, captureId: string): bigint =>
  world.refunds
    .of(captureId)
    .filter(({ status }) => status === "COMPLETED" || status === "PENDING")
    .reduce((sum, { amount }) => sum + minorOf(amount), 0n);

/** The amount to give back: what is asked for, or all that is left. @throws Refused as PayPal refuses it. */
function demandAmountLeft(world: World, capture: Capture, asked: Amount | undefined): Amount {
  if (capture.status === "PENDING") throw refused("PENDING_CAPTURE", "Cannot initiate a refund as the capture is pending.");
  if (capture.status !== "COMPLETED") throw refused("REFUND_NOT_ALLOWED", `The capture is ${capture.status}.`);
  const left = minorOf(capture.amount) - refunded(world, capture.id);
  if (left <= 0n) throw refused("CAPTURE_FULLY_REFUNDED", "The capture has already been fully refunded.");
  const amount = asked ?? amountOf(left, capture.amount.currency_code);
  demandAmount(amount, { noDecimals: "DECIMALS_NOT_SUPPORTED", field: "/amount/value" });
  if (amount.currency_code !== capture.amount.currency_code)
    throw refused("REFUND_CAPTURE_CURRENCY_MISMATCH", "Refund must be in the same currency as the capture.", "/amount/currency_code");
  if (minorOf(amount) > left)
    throw refused(
      "REFUND_AMOUNT_EXCEEDED",
      "The refund amount must be less than or equal to the capture amount that has not yet been refunded.",
      "/amount/value",
    );
  if (world.refunds.of(capture.id).length >= mostRefunds) throw refused("MAX_NUMBER_OF_REFUNDS_EXCEEDED");
  return amount;
}

/** 180 days after the payment PayPal refunds it no more. */
const windowMs = 180 * 86_400_000;

interface Wish {
  amount?: Amount;
  invoice_id?: string;
  custom_id?: string;
  note_to_payer?: string;
}

/**
 * Refunds, for the API or for the seller at PayPal's website.
 * @param settled the dispute that it settles, which its caller ends @throws Refused as PayPal refuses it
 */
export function placeRefund(world: World, capture: Capture, wish: Wish, settled: Dispute | null = null): Refund {
  const account = world.accounts.of(capture.merchant);
  const dispute = settled ? undefined : openDisputeOf(world, capture.id);
  if (world.disputes.of(capture.id).some(isChargeback))
    throw refused("REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK", "Refunds not allowed on this capture due to a chargeback on the card or bank.");
  const amount = demandAmountLeft(world, capture, wish.amount);
  const isPartial = minorOf(amount) < minorOf(capture.amount) - refunded(world, capture.id);
  if (dispute && isPartial)
    throw refused("TRANSACTION_DISPUTED", "Partial refunds cannot be offered at this time because there is an open case.");
  if (world.clock.now() - capture.createdAt > windowMs)
    throw refused("REFUND_TIME_LIMIT_EXCEEDED", "You are over the time limit to perform a refund on this capture.");
  if (account.insolvent) throw refused("REFUND_FAILED_INSUFFICIENT_FUNDS", "Capture could not be refunded due to insufficient funds.");
  const decision = world.decisions.take("refund", capture.merchant, capture.id);
  const refund = enter(world, capture, amount, wish, "seller");
  if (decision) {
    refund.status = decision.status as Refund["status"];
    refund.reason = decision.reason ?? "ECHECK";
  }
  tell(world, refund);
  if (dispute) resolveDispute(world, dispute, "RESOLVED_BUYER_FAVOUR", refund);
  return refund;
}

/** PayPal takes money back, all that is left or a part: a dispute that was lost, a payment that turned out to be false. */
export function reverseCapture(world: World, capture: Capture, value: string | undefined, cause: "paypal" | "chargeback"): Refund {
  const amount = demandAmountLeft(world, capture, value === undefined ? undefined : { value, currency_code: capture.amount.currency_code });
  const refund = enter(world, capture, amount, {}, cause);
  tell(world, refund);
  return refund;
}

function enter(world: World, capture: Capture, amount: Amount, wish: Wish, cause: Refund["cause"]): Refund {
  const now = world.clock.now();
  const account = world.accounts.of(capture.merchant);
  return world.refunds.put({
    id: paypalId(),
    merchant: capture.merchant,
    captureId: capture.id,
    cause,
    status: "COMPLETED",
    reason: undefined,
    amount: amountOf(minorOf(amount), amount.currency_code),
    breakdown: payable(amount, refunded(world, capture.id), account),
    invoiceId: wish.invoice_id ?? capture.invoiceId,
    customId: wish.custom_id ?? capture.customId,
    note: wish.note_to_payer,
    createdAt: now,
    updatedAt: now,
  });
}

/** What a pending refund comes to in the end. @throws Refused when it is not pending. */
export function decideRefund(world: World, id: string, completes: boolean): Refund {
  const refund = world.refunds.get(id, null);
  if (refund.status !== "PENDING") throw refused("REFUND_STATUS_NOT_VALID", `It is ${refund.status}, not PENDING.`);
  refund.status = completes ? "COMPLETED" : "FAILED";
  refund.reason = completes ? undefined : refund.reason;
  refund.updatedAt = world.clock.now();
  tell(world, refund);
  return refund;
}

function tell(world: World, refund: Refund): void {
  const { paypalInvoiceId, subscriptionId } = world.captures.get(refund.captureId, null);
  if (paypalInvoiceId !== null) {
    if (refund.status === "COMPLETED") tellInvoiceOf(world, { paypalInvoiceId }, "REFUNDED");
    return;
  }
  if (subscriptionId !== null) {
    const what = refund.cause !== "seller" ? "REVERSED" : "REFUNDED";
    if (refund.status === "COMPLETED") world.emit(refund.merchant, `PAYMENT.SALE.${what}`, "refund", saleRefundBody(world, refund), "1.0");
    return;
  }
  const completed = refund.cause !== "seller" ? "PAYMENT.CAPTURE.REVERSED" : "PAYMENT.CAPTURE.REFUNDED";
  const type = refund.status === "COMPLETED" ? completed : `PAYMENT.REFUND.${refund.status}`;
  world.emit(refund.merchant, type, "refund", refundBody(world, refund));
}

export function refundBody(world: World, refund: Refund) {
  const { id, amount, status, reason, breakdown, invoiceId, customId, note } = refund;
  const payments = `${world.origin}/v2/payments`;
  return {
    id,
    amount,
    status,
    ...(reason && { status_details: { reason } }),
    seller_payable_breakdown: breakdown,
    ...(invoiceId && { invoice_id: invoiceId }),
    ...(customId && { custom_id: customId }),
    ...(note && { note_to_payer: note }),
    create_time: world.clock.stamp(refund.createdAt),
    update_time: world.clock.stamp(refund.updatedAt),
    links: [
      { href: `${payments}/refunds/${id}`, rel: "self", method: "GET" },
      { href: `${payments}/captures/${refund.captureId}`, rel: "up", method: "GET" },
    ],
  };
}

function refundReply(world: World, refund: Refund, status: number, whole: boolean): Reply {
  const body = refundBody(world, refund);
  return { status, body: whole ? body : { id: body.id, status: body.status, links: body.links } };
}

function refund(world: World, call: Call): Reply {
  const wish = call.body as Wish;
  const complaints = new Complaints();
  complaints.amount(wish.amount, "/amount");
  complaints.text(wish.invoice_id, "/invoice_id", 127);
  complaints.text(wish.custom_id, "/custom_id", 127);
  complaints.text(wish.note_to_payer, "/note_to_payer", 255);
  const capture = world.captures.get(call.id, call.merchant);
  complaints.finish();
  return refundReply(world, placeRefund(world, capture, wish), 201, call.whole);
}

/** Refunds of Payments v2. */
export const refundRoutes = (world: World): Route[] => [
  on("POST /v2/payments/captures/:id/refund", "captures.refund", (call) => refund(world, call)),
  on("GET /v2/payments/refunds/:id", "refunds.get", (call) => refundReply(world, world.refunds.get(call.id, call.merchant), 200, true)),
];
