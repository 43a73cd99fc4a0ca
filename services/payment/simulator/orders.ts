import { placeAuthorization } from "./authorizations.ts";
import { placeCapture } from "./captures.ts";
import { Complaints } from "./complaints.ts";
import { accountId, paypalId } from "./ids.ts";
import { useInvoiceId } from "./invoiceids.ts";
import { complainAboutOrder, demandUnits, type PurchaseUnit } from "./neworder.ts";
import { orderBody, orderReply } from "./orderview.ts";
import { patchOrder } from "./patch.ts";
import { failure, Refused, refused } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import type { World } from "./world.ts";

/** An order: what PayPal shows of it, and whose it is. Payments made under it stand on their own shelves. */
export interface Order {
  id: string;
  merchant: string;
  intent: "CAPTURE" | "AUTHORIZE";
  status: "CREATED" | "PAYER_ACTION_REQUIRED" | "APPROVED" | "COMPLETED" | "VOIDED";
  units: PurchaseUnit[];
  payer?: { payer_id: string; email_address: string; name: { given_name: string; surname: string }; address: { country_code: string } };
  returnUrl: string | null;
  cancelUrl: string | null;
  /** The link that sends the payer to PayPal is called differently when a payment source was given. */
  approvalRel: "approve" | "payer-action";
  createdAt: number;
  updatedAt: number;
}

interface Context {
  return_url?: string;
  cancel_url?: string;
}
interface Sources {
  payment_source?: { paypal?: { experience_context?: Context } };
  application_context?: Context;
}

/** The approval link lives three hours; then there are three more to capture. */
const hour = 3_600_000;

function contextOf(body: Sources): Context {
  return body.payment_source?.paypal?.experience_context ?? body.application_context ?? {};
}

function create(world: World, call: Call) {
  const complaints = new Complaints();
  complainAboutOrder(call.body, complaints);
  const source = call.body["payment_source"] as object | undefined;
  if (source && !call.request.header("paypal-request-id"))
    complaints.add("PAYPAL_REQUEST_ID_REQUIRED", "PayPal-Request-Id", undefined, "header");
  complaints.finish();
  const context = contextOf(call.body);
  const now = world.clock.now();
  const order = world.orders.put({
    id: paypalId(),
    merchant: call.merchant,
    intent: call.body["intent"] as Order["intent"],
    status: source ? "PAYER_ACTION_REQUIRED" : "CREATED",
    units: demandUnits(call.body),
    returnUrl: context.return_url ?? null,
    cancelUrl: context.cancel_url ?? null,
    approvalRel: source ? "payer-action" : "approve",
    createdAt: now,
    updatedAt: now,
  });
  return orderReply(world, order, 201, call.whole);
}

/** An order that is still there: what nobody completed is gone six hours later. @throws Refused 404 */
export function getOrder(world: World, id: string, merchant: string | null): Order {
  const order = world.orders.get(id, merchant);
  const isOpen = order.status !== "COMPLETED" && order.status !== "VOIDED";
  if (isOpen && world.clock.now() - order.createdAt > 6 * hour) world.orders.remove(id);
  return world.orders.get(id, merchant);
}

/** The payer agrees, as the browser's button or a control says. Agreeing twice changes nothing, and after three hours it is too late. */
export function approveOrder(world: World, id: string): Order | undefined {
  const order = world.orders.find(id);
  const isOpen = order?.status === "CREATED" || order?.status === "PAYER_ACTION_REQUIRED";
  if (order && isOpen && world.clock.now() - order.createdAt <= 3 * hour) {
    order.status = "APPROVED";
    order.payer = {
      ...{ payer_id: accountId("payer"), email_address: "payer@example.com", address: { country_code: "DE" } },
      name: { given_name: "Pat", surname: "Payer" },
    };
    order.updatedAt = world.clock.now();
    world.emit(order.merchant, "CHECKOUT.ORDER.APPROVED", "checkout-order", orderBody(world, order));
  }
  return order;
}

/** Captures or authorizes: what both demand of the order, then the money, then the order's end. */
function complete(world: World, call: Call, intent: Order["intent"]) {
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
  if (order.status !== "APPROVED") throw refused("ORDER_NOT_APPROVED", "Payer has not yet approved the Order for payment.");
  for (const unit of order.units) useInvoiceId(world, order.merchant, order.id, unit.invoice_id);
  order.status = "COMPLETED";
  order.updatedAt = world.clock.now();
  for (const { amount, custom_id, invoice_id, reference_id } of order.units) {
    const of = { orderId: order.id, reference: reference_id, amount, customId: custom_id, invoiceId: invoice_id };
    if (intent === "CAPTURE")
      placeCapture(world, order.merchant, { ...of, subscriptionId: null, paypalInvoiceId: null, authorizationId: null, isFinal: true });
    else placeAuthorization(world, order.merchant, { ...of, rootId: null });
  }
  world.emit(order.merchant, "CHECKOUT.ORDER.COMPLETED", "checkout-order", orderBody(world, order));
  return orderReply(world, order, 201, call.whole);
}

/** The payment source comes later than the order. */
function confirm(world: World, call: Call) {
  const order = getOrder(world, call.id, call.merchant);
  if (!call.body["payment_source"]) {
    throw new Refused(failure(400, { issue: "MISSING_REQUIRED_PARAMETER", field: "/payment_source", location: "body" }));
  }
  if (order.status === "COMPLETED") throw refused(order.intent === "CAPTURE" ? "ORDER_ALREADY_CAPTURED" : "ORDER_ALREADY_AUTHORIZED");
  if (order.status === "APPROVED") throw refused("PAYMENT_ALREADY_APPROVED", "The payment has already been approved by the payer.");
  const context = contextOf(call.body);
  order.status = "PAYER_ACTION_REQUIRED";
  order.approvalRel = "payer-action";
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
