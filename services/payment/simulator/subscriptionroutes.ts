import { type Amount, demandAmount, minorOf } from "./amounts.ts";
import { collect } from "./billing.ts";
import { captureBody } from "./captures.ts";
import { Complaints } from "./complaints.ts";
import { newRevision, newSubscription } from "./newsubscription.ts";
import { pageOf } from "./products.ts";
import { failure, Refused, refused, type Reply } from "./replies.ts";
import { type Call, on, type Route } from "./routes.ts";
import { patchSubscription } from "./subscriptionpatch.ts";
import { activate, cancel, suspend } from "./subscriptionmoves.ts";
import { codeOf, demandStatus, linksOf, planOf, type Subscription, subscriptionBody, tellSubscription } from "./subscriptions.ts";
import type { World } from "./world.ts";

function create(world: World, { merchant, body, whole }: Call): Reply {
  const subscription = world.subscriptions.put(newSubscription(world, merchant, body));
  tellSubscription(world, subscription, "CREATED");
  const shown = subscriptionBody(world, subscription);
  const { id, status, create_time, links } = shown;
  return { status: 201, body: whole ? shown : { id, status, create_time, links } };
}

/** `reason`, at most 128 characters. */
function reasonIn({ body }: Call): string | undefined {
  const complaints = new Complaints();
  const reason = body["reason"];
  if (typeof reason === "string" && reason.length > 128) complaints.add("INVALID_STRING_MAX_LENGTH", "/reason", reason);
  complaints.finish();
  return reason as string | undefined;
}

type Move = (world: World, subscription: Subscription, note: string | undefined) => void;
const move = (world: World, call: Call, make: Move): Reply => {
  make(world, world.subscriptions.get(call.id, call.merchant), reasonIn(call));
  return { status: 204 };
};

function revise(world: World, call: Call): Reply {
  const subscription = world.subscriptions.get(call.id, call.merchant);
  demandStatus(subscription, "ACTIVE", "SUSPENDED");
  const revision = newRevision(world, subscription, call.body);
  subscription.revision = revision;
  const { planId, quantity, shipping, override } = revision;
  return {
    status: 200,
    body: {
      plan_id: planId,
      ...(quantity !== null && { quantity: String(quantity) }),
      ...(shipping && { shipping_amount: shipping }),
      plan_overridden: override !== null,
      links: linksOf(world, subscription),
    },
  };
}

/** Collects the outstanding balance, or a part of it. */
function capture(world: World, call: Call): Reply {
  const subscription = world.subscriptions.get(call.id, call.merchant);
  const amount = call.body["amount"] as Amount | undefined;
  const complaints = new Complaints();
  complaints.text(call.body["note"], "/note", 128, true);
  complaints.word(call.body["capture_type"], "/capture_type", ["OUTSTANDING_BALANCE"], true);
  complaints.amount(amount, "/amount", true);
  complaints.finish();
  demandStatus(subscription, "ACTIVE", "SUSPENDED", "EXPIRED");
  demandAmount(amount!, { field: "/amount/value" });
  if (amount!.currency_code !== codeOf(planOf(world, subscription))) throw refused("CURRENCY_MISMATCH");
  if (subscription.outstanding === 0n) throw refused("ZERO_OUTSTANDING_BALANCE", "The subscription has no outstanding balance.");
  const minor = minorOf(amount!);
  if (minor > subscription.outstanding)
    throw refused("AMOUNT_GREATER_THAN_OUTSTANDING_BALANCE", "The capture amount cannot be greater than the outstanding balance.");
  const sale = collect(world, subscription, minor);
  if (sale.status !== "DECLINED") subscription.outstanding -= minor;
  return { status: 200, body: transactionBody(world, sale.id) };
}

function transactionBody(world: World, id: string) {
  const { amount, status, seller_receivable_breakdown: parts, create_time } = captureBody(world, world.captures.get(id, null));
  const fees = parts && { fee_amount: parts.paypal_fee, net_amount: parts.net_amount };
  const payer = { payer_name: { given_name: "Pat", surname: "Payer" }, payer_email: "payer@example.com" };
  return { id, status, amount_with_breakdown: { gross_amount: amount, ...fees }, ...payer, time: create_time };
}

function transactions(world: World, { id, merchant, query }: Call): Reply {
  const subscription = world.subscriptions.get(id, merchant);
  const complaints = new Complaints();
  for (const name of ["start_time", "end_time"]) {
    const value = query.get(name);
    if (value === null) complaints.add("MISSING_REQUIRED_PARAMETER", name, undefined, "query");
    else if (Number.isNaN(Date.parse(value))) complaints.add("INVALID_PARAMETER_SYNTAX", name, value, "query");
  }
  complaints.finish();
  const [from, to] = [Date.parse(query.get("start_time")!), Date.parse(query.get("end_time")!)];
  if (from > to) throw new Refused(failure(400, { issue: "INVALID_PARAMETER_VALUE", field: "start_time", location: "query" }));
  const sales = world.captures.of(subscription.id).filter(({ createdAt }) => createdAt >= from && createdAt <= to);
  const body = sales.map((sale) => transactionBody(world, sale.id));
  return { status: 200, body: { transactions: body, total_items: body.length, total_pages: 1, links: [] } };
}

function list(world: World, { merchant, query }: Call): Reply {
  const wanted = (name: string) => query.get(name)?.split(",");
  const [plans, statuses] = [wanted("plan_ids"), wanted("statuses")];
  const found = world.subscriptions
    .all(merchant)
    .filter(({ planId, status }) => (!plans || plans.includes(planId)) && (!statuses || statuses.includes(status)));
  const { shown, totals } = pageOf(found, query);
  return { status: 200, body: { subscriptions: shown.map((one) => subscriptionBody(world, one)), ...totals, links: [] } };
}

/** Subscriptions v1. Source: PayPal's billing_subscriptions_v1 OpenAPI document. */
export function subscriptionRoutes(world: World): Route[] {
  const path = "/v1/billing/subscriptions";
  return [
    on(`POST ${path}`, "subscriptions.create", (call) => create(world, call)),
    on(`GET ${path}`, "subscriptions.list", (call) => list(world, call)),
    on(`GET ${path}/:id`, "subscriptions.get", ({ id, merchant, query }) => ({
      status: 200,
      body: subscriptionBody(world, world.subscriptions.get(id, merchant), query.get("fields")?.includes("plan")),
    })),
    on(`PATCH ${path}/:id`, "subscriptions.patch", (call) => patchSubscription(world, call)),
    on(`POST ${path}/:id/activate`, "subscriptions.activate", (call) => move(world, call, activate)),
    on(`POST ${path}/:id/suspend`, "subscriptions.suspend", (call) => move(world, call, suspend)),
    on(`POST ${path}/:id/cancel`, "subscriptions.cancel", (call) => move(world, call, cancel)),
    on(`POST ${path}/:id/revise`, "subscriptions.revise", (call) => revise(world, call)),
    on(`POST ${path}/:id/capture`, "subscriptions.capture", (call) => capture(world, call)),
    on(`GET ${path}/:id/transactions`, "subscriptions.transactions", (call) => transactions(world, call)),
  ];
}
