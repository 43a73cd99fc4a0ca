import {
  approvalPage,
  challengePage,
  invoicePage,
  sendBack,
  sendSaverBack,
  sendSubscriberBack,
  setupPage,
  subscriptionPage,
} from "./approval.ts";
import { payInvoice } from "./invoicemoves.ts";
import { type Invoice, invoiceBody, invoiceStatus } from "./invoices.ts";
import { approveOrder, authenticateOrder } from "./orders.ts";
import type { Reply } from "./replies.ts";
import { type Call, open, type Route } from "./routes.ts";
import { approveSubscription } from "./subscriptionmoves.ts";
import { planOf } from "./subscriptions.ts";
import { authenticationOf } from "./threeds.ts";
import { approveSetup } from "./vault.ts";
import type { World } from "./world.ts";

function decide(world: World, { query, request }: Call): Reply {
  const order = world.orders.find(query.get("token") ?? "");
  if (!order) return approvalPage(order);
  const agreed = new URLSearchParams(request.text).get("action") === "approve";
  if (agreed) approveOrder(world, order);
  return sendBack(order, agreed);
}

const challenged = (world: World, { query }: Call) => world.orders.find(query.get("cart_id") ?? "");

function answerBank(world: World, call: Call): Reply {
  const order = challenged(world, call);
  const action = new URLSearchParams(call.request.text).get("action");
  if (order?.status !== "PAYER_ACTION_REQUIRED") return challengePage(order);
  if (action !== "cancel") authenticateOrder(world, order, authenticationOf(action));
  return sendBack(order, action !== "cancel");
}

const setupBy = (world: World, { query }: Call) => world.setups.find(query.get("approval_session_id") ?? "");

function decideSetup(world: World, call: Call): Reply {
  const token = setupBy(world, call);
  if (!token) return setupPage(token);
  const agreed = new URLSearchParams(call.request.text).get("action") === "approve";
  if (agreed) approveSetup(token);
  return sendSaverBack(token, agreed);
}

const subscriptionBy = (world: World, { query }: Call) => {
  const token = query.get("ba_token");
  return world.subscriptions.first(({ approvalToken }) => approvalToken === token);
};

function showSubscription(world: World, call: Call): Reply {
  const subscription = subscriptionBy(world, call);
  return subscriptionPage(subscription, subscription ? planOf(world, subscription).name : "");
}

function decideSubscription(world: World, call: Call): Reply {
  const subscription = subscriptionBy(world, call);
  if (!subscription) return showSubscription(world, call);
  const agreed = new URLSearchParams(call.request.text).get("action") === "approve";
  if (agreed) approveSubscription(world, subscription);
  return sendSubscriberBack(subscription, agreed);
}

const isPayable = (world: World, invoice: Invoice) => ["SENT", "UNPAID", "PARTIALLY_PAID"].includes(invoiceStatus(world, invoice));

function showInvoice(world: World, id: string): Reply {
  const invoice = world.invoices.find(id);
  if (!invoice || invoice.stage === "DRAFT") return invoicePage(undefined, false);
  return invoicePage(invoiceBody(world, invoice), isPayable(world, invoice));
}

/** What payers see in their browser. */
export const pageRoutes = (world: World): Route[] => [
  open("GET /checkoutnow", ({ query }) => approvalPage(world.orders.find(query.get("token") ?? ""))),
  open("POST /checkoutnow", (call) => decide(world, call)),
  open("GET /webapps/helios", (call) => challengePage(challenged(world, call))),
  open("POST /webapps/helios", (call) => answerBank(world, call)),
  open("GET /agreements/approve", (call) => setupPage(setupBy(world, call))),
  open("POST /agreements/approve", (call) => decideSetup(world, call)),
  open("GET /invoice/p/:id", ({ id }) => showInvoice(world, id)),
  open("POST /invoice/p/:id", ({ id }) => {
    const invoice = world.invoices.find(id);
    if (invoice && isPayable(world, invoice)) payInvoice(world, invoice, undefined);
    return showInvoice(world, id);
  }),
  open("GET /webapps/billing/subscriptions", (call) => showSubscription(world, call)),
  open("POST /webapps/billing/subscriptions", (call) => decideSubscription(world, call)),
];
