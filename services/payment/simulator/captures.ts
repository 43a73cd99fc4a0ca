import { type Amount, amountOf, minorOf } from "./amounts.ts";
import { openDisputeOf } from "./disputes.ts";
import { receivable } from "./fees.ts";
import { paypalId } from "./ids.ts";
import { tellInvoiceOf } from "./invoices.ts";
import { refunded } from "./refunds.ts";
import { refused, type Reply } from "./replies.ts";
import { on, type Route } from "./routes.ts";
import { saleBody } from "./sales.ts";
import type { World } from "./world.ts";

interface Origin {
  /** null when no order stands behind it. */
  orderId: string | null;
  /** Whose payment it is, or null: then its webhooks speak of a sale. */
  subscriptionId: string | null;
  /** The PayPal invoice that it pays, or null: then its webhooks speak of the invoice. */
  paypalInvoiceId: string | null;
  /** The purchase unit's reference id. */
  reference: string;
  authorizationId: string | null;
  amount: Amount;
  isFinal: boolean;
  customId: string | undefined;
  invoiceId: string | undefined;
}

/** A capture as it was decided; whether it is refunded by now is worked out from its refunds. */
export interface Capture extends Origin {
  id: string;
  merchant: string;
  status: "COMPLETED" | "PENDING" | "DECLINED" | "FAILED";
  /** Why it is pending or declined. */
  reason: string | undefined;
  /** Whether it was pending before. */
  wasPending: boolean;
  /** What the seller receives, fixed when it completed. */
  breakdown: ReturnType<typeof receivable> | undefined;
  createdAt: number;
  updatedAt: number;
}

/** Moves the money, or leaves it pending or declined as decided, and tells the webhooks. */
export function placeCapture(world: World, merchant: string, { amount, ...of }: Origin): Capture {
  const decision = world.decisions.take(of.subscriptionId === null ? "capture" : "renewal", merchant, of.orderId ?? of.subscriptionId);
  const now = world.clock.now();
  const capture: Capture = {
    id: paypalId(),
    merchant,
    ...of,
    amount: amountOf(minorOf(amount), amount.currency_code),
    status: "COMPLETED",
    reason: undefined,
    breakdown: undefined,
    wasPending: decision?.status === "PENDING",
    createdAt: now,
    updatedAt: now,
  };
  world.captures.put(capture);
  if (decision) {
    capture.status = decision.status === "PENDING" ? "PENDING" : "DECLINED";
    capture.reason = decision.reason ?? (decision.status === "PENDING" ? "PENDING_REVIEW" : undefined);
    tell(world, capture, capture.status);
  } else arrive(world, capture);
  return capture;
}

function tell(world: World, capture: Capture, what: string): void {
  if (capture.paypalInvoiceId !== null) {
    if (what === "COMPLETED") tellInvoiceOf(world, capture, "PAID");
  } else if (capture.subscriptionId === null)
    world.emit(capture.merchant, `PAYMENT.CAPTURE.${what}`, "capture", captureBody(world, capture));
  // A payment that a subscriber could not make is told as the subscription's, see billing.ts.
  else if (what !== "DECLINED") world.emit(capture.merchant, `PAYMENT.SALE.${what}`, "sale", saleBody(world, capture), "1.0");
}

function arrive(world: World, capture: Capture): void {
  capture.status = "COMPLETED";
  capture.reason = undefined;
  capture.breakdown = receivable(capture.amount, world.accounts.of(capture.merchant));
  capture.updatedAt = world.clock.now();
  tell(world, capture, "COMPLETED");
}

/** What a pending capture comes to in the end. @throws Refused when it is not pending. */
export function decideCapture(world: World, id: string, completes: boolean): Capture {
  const capture = world.captures.get(id, null);
  if (capture.status !== "PENDING") throw refused("CAPTURE_STATUS_NOT_VALID", `It is ${capture.status}, not PENDING.`);
  if (completes) arrive(world, capture);
  else {
    capture.status = "DECLINED";
    capture.updatedAt = world.clock.now();
    tell(world, capture, "DENIED");
  }
  return capture;
}

function statusOf(world: World, capture: Capture): string {
  if (capture.status !== "COMPLETED") return capture.status;
  const back = refunded(world, capture.id);
  if (back >= minorOf(capture.amount)) return "REFUNDED";
  // PayPal shows a disputed capture so, though nothing has been refunded.
  const isDisputed = openDisputeOf(world, capture.id) !== undefined;
  return back > 0n || isDisputed ? "PARTIALLY_REFUNDED" : "COMPLETED";
}

export function captureBody(world: World, capture: Capture) {
  const { id, amount, reason, breakdown, customId, invoiceId, orderId, authorizationId } = capture;
  const self = `${world.origin}/v2/payments/captures/${id}`;
  const isCard = orderId !== null && world.orders.find(orderId)?.source?.kind === "card";
  const links = [
    { href: self, rel: "self", method: "GET" },
    { href: `${self}/refund`, rel: "refund", method: "POST" },
  ];
  if (authorizationId) links.push({ href: `${world.origin}/v2/payments/authorizations/${authorizationId}`, rel: "up", method: "GET" });
  else if (orderId) links.push({ href: `${world.origin}/v2/checkout/orders/${orderId}`, rel: "up", method: "GET" });
  return {
    id,
    amount,
    status: statusOf(world, capture),
    ...(reason && { status_details: { reason } }),
    final_capture: capture.isFinal,
    seller_protection: { status: "ELIGIBLE", dispute_categories: ["ITEM_NOT_RECEIVED", "UNAUTHORIZED_TRANSACTION"] },
    ...(isCard && {
      processor_response:
        capture.status === "DECLINED" ? { response_code: "5120" } : { avs_code: "A", cvv_code: "M", response_code: "0000" },
    }),
    ...(breakdown && { seller_receivable_breakdown: breakdown }),
    ...(customId && { custom_id: customId }),
    ...(invoiceId && { invoice_id: invoiceId }),
    create_time: world.clock.stamp(capture.createdAt),
    update_time: world.clock.stamp(capture.updatedAt),
    supplementary_data: {
      related_ids: { ...(orderId && { order_id: orderId }), ...(authorizationId && { authorization_id: authorizationId }) },
    },
    links,
  };
}

/** All of it, or id, status and links. */
export function captureReply(world: World, capture: Capture, status: number, whole: boolean): Reply {
  const body = captureBody(world, capture);
  return { status, body: whole ? body : { id: body.id, status: body.status, links: body.links } };
}

/** Captures of Payments v2; refunding stands in refunds.ts. */
export const captureRoutes = (world: World): Route[] => [
  on("GET /v2/payments/captures/:id", "captures.get", (call) => captureReply(world, world.captures.get(call.id, call.merchant), 200, true)),
];
