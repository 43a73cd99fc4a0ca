import { authorizationBody, decideAuthorization } from "./authorizations.ts";
import { captureBody, decideCapture } from "./captures.ts";
import { readDecision } from "./decisions.ts";
import { escalate, openDispute, outcomes, resolveDispute } from "./disputes.ts";
import { disputeBody } from "./disputeview.ts";
import { payInvoice } from "./invoicemoves.ts";
import { invoiceBody } from "./invoices.ts";
import { approveOrder, authenticateOrder, getOrder, type Order, reverseApproval } from "./orders.ts";
import { orderBody } from "./orderview.ts";
import { decideRefund, placeRefund, refundBody, reverseCapture } from "./refunds.ts";
import { type Reply, unreadable } from "./replies.ts";
import { type Call, open, type Route } from "./routes.ts";
import { approveSubscription, cancel } from "./subscriptionmoves.ts";
import { subscriptionBody } from "./subscriptions.ts";
import { type Authentication, authenticationOf } from "./threeds.ts";
import { approveSetup, setupBody } from "./vault.ts";
import type { World } from "./world.ts";

const done = (body: object): Reply => ({ status: 200, body });

/** A part of a capture, or all of it. */
const valueIn = ({ body }: Call) => (typeof body["value"] === "string" ? body["value"] : undefined);

function advance(world: World, { body }: Call): Reply {
  const ms = body["ms"];
  if (typeof ms !== "number" || !(ms >= 0)) throw unreadable("ms must be the milliseconds by which the clock goes forward");
  world.clock.advance(ms);
  return done({ now: new Date(world.clock.now()).toISOString() });
}

/** What people and PayPal itself do, by hand: the payer, the seller at PayPal's website, PayPal's risk department, time. */
export function controlRoutes(world: World): Route[] {
  const captureDecision = (completes: boolean) => (call: Call) => done(captureBody(world, decideCapture(world, call.id, completes)));
  const refundDecision = (completes: boolean) => (call: Call) => done(refundBody(world, decideRefund(world, call.id, completes)));
  const authorizationDecision = (completes: boolean) => (call: Call) =>
    done(authorizationBody(world, decideAuthorization(world, call.id, completes)));
  const success = authenticationOf("success");
  const agree = (order: Order, authentication: Authentication) => {
    const isAsked = order.source?.kind === "card" && order.status === "PAYER_ACTION_REQUIRED";
    if (isAsked) authenticateOrder(world, order, authentication);
    else approveOrder(world, order);
    return done(orderBody(world, order));
  };
  return [
    open("POST /simulator/clock", (call) => advance(world, call)),
    open("POST /simulator/decisions", ({ body }) => {
      world.decisions.add(readDecision(body));
      return { status: 204 };
    }),
    open("POST /simulator/merchants/:client", ({ id, body }) => {
      world.accounts.configure(id, body);
      return done(world.accounts.of(id));
    }),
    open("POST /simulator/orders/:id/approve", ({ id }) => agree(getOrder(world, id, null), success)),
    open("POST /simulator/orders/:id/reverse-approval", ({ id }) => {
      const order = getOrder(world, id, null);
      reverseApproval(world, order);
      return done(orderBody(world, order));
    }),
    open("POST /simulator/orders/:id/authenticate", ({ id, body }) => agree(getOrder(world, id, null), authenticationOf(body["result"]))),
    open("POST /simulator/setup-tokens/:id/approve", ({ id }) => {
      const token = world.setups.get(id, null);
      approveSetup(token);
      return done(setupBody(world, token));
    }),
    open("POST /simulator/subscriptions/:id/approve", ({ id }) => {
      const subscription = world.subscriptions.get(id, null);
      approveSubscription(world, subscription);
      return done(subscriptionBody(world, subscription));
    }),
    open("POST /simulator/subscriptions/:id/cancel", ({ id }) => {
      const subscription = world.subscriptions.get(id, null);
      cancel(world, subscription, "Cancelled by the payer.");
      return done(subscriptionBody(world, subscription));
    }),
    open("POST /simulator/authorizations/:id/complete", authorizationDecision(true)),
    open("POST /simulator/authorizations/:id/deny", authorizationDecision(false)),
    open("POST /simulator/captures/:id/complete", captureDecision(true)),
    open("POST /simulator/captures/:id/deny", captureDecision(false)),
    open("POST /simulator/captures/:id/refund", (call) => {
      const capture = world.captures.get(call.id, null);
      const value = valueIn(call);
      const amount = value === undefined ? undefined : { value, currency_code: capture.amount.currency_code };
      return done(refundBody(world, placeRefund(world, capture, { ...(amount && { amount }) })));
    }),
    open("POST /simulator/captures/:id/reverse", (call) =>
      done(refundBody(world, reverseCapture(world, world.captures.get(call.id, null), valueIn(call), "paypal"))),
    ),
    open("POST /simulator/captures/:id/dispute", ({ id, body }) =>
      done(disputeBody(world, openDispute(world, world.captures.get(id, null), body))),
    ),
    open("POST /simulator/disputes/:id/escalate", ({ id }) => {
      escalate(world, world.disputes.get(id, null), "BUYER");
      return done(disputeBody(world, world.disputes.get(id, null)));
    }),
    open("POST /simulator/disputes/:id/resolve", ({ id, body }) => {
      const dispute = world.disputes.get(id, null);
      const outcome = outcomes.find((one) => one === body["outcome"]);
      if (!outcome) throw unreadable(`outcome must be one of ${outcomes.join(", ")}`);
      if (dispute.status === "RESOLVED") throw unreadable("The dispute is resolved already.");
      resolveDispute(world, dispute, outcome);
      return done(disputeBody(world, dispute));
    }),
    open("POST /simulator/invoices/:id/pay", (call) => {
      const invoice = world.invoices.get(call.id, null);
      payInvoice(world, invoice, valueIn(call));
      return done(invoiceBody(world, invoice));
    }),
    open("POST /simulator/refunds/:id/complete", refundDecision(true)),
    open("POST /simulator/refunds/:id/fail", refundDecision(false)),
  ];
}
