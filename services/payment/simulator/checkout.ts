import { placeAuthorization } from "./authorizations.ts";
import { placeCapture } from "./captures.ts";
import { Complaints } from "./complaints.ts";
import { paypalId } from "./ids.ts";
import { useInvoiceId } from "./invoiceids.ts";
import { complainAboutOrder, demandUnits } from "./neworder.ts";
import { getOrder, isOpen, type Order, payer } from "./orders.ts";
import { orderBody, orderReply } from "./orderview.ts";
import { patchOrder } from "./patch.ts";
import { failure, Refused, refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import { type Context, keepSource, readSource, type Source, type Sources } from "./sources.ts";
import type { World } from "./world.ts";

function contextOf(body: Record<string, unknown>): Context {
  const { paypal, card } = (body["payment_source"] ?? {}) as Sources;
  return (card ?? paypal)?.experience_context ?? (body["application_context"] as Context | undefined) ?? {};
}

const sourceIn = (world: World, { merchant, body }: Call): Source | null =>
  body["payment_source"] ? readSource(world, merchant, body["payment_source"]) : null;

/** A wallet that is saved, or a card that its bank does not ask about, pays at once; everything else waits for the payer. */
function create(world: World, call: Call): Reply {
  const complaints = new Complaints();
  complainAboutOrder(call.body, complaints);
  if (call.body["payment_source"] && !call.request.header("paypal-request-id"))
    complaints.add("PAYPAL_REQUEST_ID_REQUIRED", "PayPal-Request-Id", undefined, "header");
  complaints.finish();
  const context = contextOf(call.body);
  const now = world.clock.now();
  const source = sourceIn(world, call);
  const order: Order = {
    ...{ id: paypalId(), merchant: call.merchant, intent: call.body["intent"] as Order["intent"], units: demandUnits(call.body), source },
    ...{ status: source ? "PAYER_ACTION_REQUIRED" : "CREATED", createdAt: now, updatedAt: now },
    ...{ returnUrl: context.return_url ?? null, cancelUrl: context.cancel_url ?? null },
  };
  if (source?.isReady) pay(world, order);
  return orderReply(world, world.orders.put(order), 201, call.whole);
}

/** Moves the money of an order whose payer has agreed. @throws Refused before anything has moved */
function pay(world: World, order: Order): void {
  for (const unit of order.units) useInvoiceId(world, order.merchant, order.id, unit.invoice_id);
  world.orders.put(order);
  order.status = "COMPLETED";
  order.updatedAt = world.clock.now();
  if (order.source?.kind === "paypal") order.payer ??= payer();
  const paid = order.units.map(({ amount, custom_id, invoice_id, reference_id }) => {
    const of = { orderId: order.id, reference: reference_id, amount, customId: custom_id, invoiceId: invoice_id };
    const capture = { ...of, subscriptionId: null, paypalInvoiceId: null, authorizationId: null, isFinal: true };
    return order.intent === "CAPTURE"
      ? placeCapture(world, order.merchant, capture)
      : placeAuthorization(world, order.merchant, { ...of, rootId: null });
  });
  if (paid.every(({ status }) => status !== "DECLINED" && status !== "DENIED")) keepSource(world, order);
  world.emit(order.merchant, "CHECKOUT.ORDER.COMPLETED", "checkout-order", orderBody(world, order));
}

/** Captures or authorizes: what both demand of the order. */
function complete(world: World, call: Call, intent: Order["intent"]): Reply {
  const order = getOrder(world, call.id, call.merchant);
  const isDone = order.status === "COMPLETED";
  if (order.intent !== intent) throw refused("ACTION_DOES_NOT_MATCH_INTENT", `Order was created with intent ${order.intent}.`);
  if (isDone && intent === "CAPTURE")
    throw refused("ORDER_ALREADY_CAPTURED", "Order already captured. If 'intent=CAPTURE' only one capture per order is allowed.");
  if (isDone)
    throw refused(
      "ORDER_ALREADY_AUTHORIZED",
      "Order already authorized. If 'intent=AUTHORIZE' only one authorization per order is allowed.",
    );
  const source = isOpen(order) ? sourceIn(world, call) : null;
  if (source && !source.isReady) throw refused("PAYER_ACTION_REQUIRED", "Payer needs to perform an action before proceeding with payment.");
  if (order.status !== "APPROVED" && !source) throw refused("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.");
  if (source) order.source = source;
  pay(world, order);
  return orderReply(world, order, 201, call.whole);
}

/** The payment source comes later than the order. */
function confirm(world: World, call: Call): Reply {
  const order = getOrder(world, call.id, call.merchant);
  const source = sourceIn(world, call);
  if (!source) throw new Refused(failure(400, { issue: "MISSING_REQUIRED_PARAMETER", field: "/payment_source", location: "body" }));
  if (order.status === "COMPLETED") throw refused(order.intent === "CAPTURE" ? "ORDER_ALREADY_CAPTURED" : "ORDER_ALREADY_AUTHORIZED");
  if (order.status === "APPROVED") throw refused("PAYMENT_ALREADY_APPROVED", "The payment has already been approved by the payer.");
  const context = contextOf(call.body);
  Object.assign(order, { source, status: source.isReady ? "APPROVED" : "PAYER_ACTION_REQUIRED", updatedAt: world.clock.now() });
  order.returnUrl = context.return_url ?? order.returnUrl;
  order.cancelUrl = context.cancel_url ?? order.cancelUrl;
  return orderReply(world, order, 200, call.whole);
}

/** Orders v2. Source: PayPal's checkout_orders_v2 OpenAPI document. */
export const orderRoutes = (world: World): Route[] => [
  on("POST /v2/checkout/orders", "orders.create", (call) => create(world, call)),
  on("GET /v2/checkout/orders/:id", "orders.get", (call) => orderReply(world, getOrder(world, call.id, call.merchant), 200, true)),
  on("PATCH /v2/checkout/orders/:id", "orders.patch", (call) => patchOrder(world, getOrder(world, call.id, call.merchant), call.body)),
  on("POST /v2/checkout/orders/:id/confirm-payment-source", "orders.confirm", (call) => confirm(world, call)),
  on("POST /v2/checkout/orders/:id/capture", "orders.capture", (call) => complete(world, call, "CAPTURE")),
  on("POST /v2/checkout/orders/:id/authorize", "orders.authorize", (call) => complete(world, call, "AUTHORIZE")),
];
