import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startPayPalSimulator, type Simulator } from "./server.ts";
import { openShop } from "./shop.ts";
import { type Makers, makersOf } from "./makers.ts";

const eur = (value: string) => ({ currency_code: "EUR", value });
type Move = (id: string) => [line: string, body?: object];

/** What each kind of thing can be asked to do. */
const moves: Record<string, Record<string, Move>> = {
  order: {
    capture: (id) => [`POST /v2/checkout/orders/${id}/capture`, {}],
    authorize: (id) => [`POST /v2/checkout/orders/${id}/authorize`, {}],
    patch: (id) => [
      `PATCH /v2/checkout/orders/${id}`,
      [{ op: "add", path: "/purchase_units/@reference_id=='default'/custom_id", value: "c" }],
    ],
    confirm: (id) => [`POST /v2/checkout/orders/${id}/confirm-payment-source`, { payment_source: { paypal: {} } }],
  },
  authorization: {
    capture: (id) => [`POST /v2/payments/authorizations/${id}/capture`, { amount: eur("1.00") }],
    reauthorize: (id) => [`POST /v2/payments/authorizations/${id}/reauthorize`, {}],
    void: (id) => [`POST /v2/payments/authorizations/${id}/void`, {}],
  },
  capture: {
    refund: (id) => [`POST /v2/payments/captures/${id}/refund`, { amount: eur("1.00") }],
    "refund the rest": (id) => [`POST /v2/payments/captures/${id}/refund`, {}],
  },
  plan: {
    activate: (id) => [`POST /v1/billing/plans/${id}/activate`],
    deactivate: (id) => [`POST /v1/billing/plans/${id}/deactivate`],
    patch: (id) => [`PATCH /v1/billing/plans/${id}`, [{ op: "replace", path: "/description", value: "d" }]],
    subscribe: (id) => ["POST /v1/billing/subscriptions", { plan_id: id }],
  },
  subscription: {
    activate: (id) => [`POST /v1/billing/subscriptions/${id}/activate`, {}],
    suspend: (id) => [`POST /v1/billing/subscriptions/${id}/suspend`, { reason: "r" }],
    cancel: (id) => [`POST /v1/billing/subscriptions/${id}/cancel`, { reason: "r" }],
    revise: (id) => [`POST /v1/billing/subscriptions/${id}/revise`, {}],
    collect: (id) => [
      `POST /v1/billing/subscriptions/${id}/capture`,
      { note: "n", capture_type: "OUTSTANDING_BALANCE", amount: eur("1.00") },
    ],
    patch: (id) => [`PATCH /v1/billing/subscriptions/${id}`, [{ op: "replace", path: "/custom_id", value: "c" }]],
  },
  invoice: {
    send: (id) => [`POST /v2/invoicing/invoices/${id}/send`, {}],
    remind: (id) => [`POST /v2/invoicing/invoices/${id}/remind`, {}],
    cancel: (id) => [`POST /v2/invoicing/invoices/${id}/cancel`, {}],
    pay: (id) => [`POST /v2/invoicing/invoices/${id}/payments`, { method: "CASH", amount: eur("1.00") }],
    refund: (id) => [`POST /v2/invoicing/invoices/${id}/refunds`, { method: "CASH", amount: eur("1.00") }],
    delete: (id) => [`DELETE /v2/invoicing/invoices/${id}`],
  },
  dispute: {
    accept: (id) => [`POST /v1/customer/disputes/${id}/accept-claim`, { note: "n" }],
    prove: (id) => [`POST /v1/customer/disputes/${id}/provide-evidence`, { evidences: [{ evidence_type: "OTHER" }] }],
    escalate: (id) => [`POST /v1/customer/disputes/${id}/escalate`, { note: "n" }],
    appeal: (id) => [`POST /v1/customer/disputes/${id}/appeal`, {}],
  },
};

const [done, invalid, notNow] = ["", "SUBSCRIPTION_STATUS_INVALID", "ACTION_NOT_ALLOWED_IN_CURRENT_DISPUTE_STATE"];
const [noPayment, noRefund, noReminder] = ["CANNOT_PROCESS_PAYMENTS", "CANNOT_PROCESS_REFUNDS", "CANNOT_REMIND_INVOICE"];
const [noSending, noDeleting, early] = ["CANNOT_SEND_INVOICE", "CANNOT_DELETE_INVOICE", "REAUTHORIZATION_NOT_SUPPORTED"];
const [paid, back] = ["CANNOT_CANCEL_PAID_INVOICE", "CANNOT_CANCEL_REFUNDED_INVOICE"];

/** Each state, and what each move of `moves` comes to in it, in their order: PayPal's issue, or nothing. */
const table: [thing: string, state: string, ...answers: string[]][] = [
  ["order", "CREATED", "ORDER_NOT_APPROVED", "ACTION_DOES_NOT_MATCH_INTENT", done, done],
  ["order", "PAYER_ACTION_REQUIRED", "ORDER_NOT_APPROVED", "ACTION_DOES_NOT_MATCH_INTENT", done, done],
  ["order", "APPROVED", done, "ACTION_DOES_NOT_MATCH_INTENT", done, "PAYMENT_ALREADY_APPROVED"],
  ["order", "COMPLETED", "ORDER_ALREADY_CAPTURED", "ACTION_DOES_NOT_MATCH_INTENT", "ORDER_ALREADY_COMPLETED", "ORDER_ALREADY_CAPTURED"],
  ["authorization", "CREATED", done, early, done],
  ["authorization", "PENDING", "TRANSACTION_REFUSED", early, done],
  ["authorization", "DENIED", "AUTHORIZATION_DENIED", "AUTHORIZATION_DENIED", "CANNOT_BE_VOIDED"],
  ["authorization", "PARTIALLY_CAPTURED", done, early, done],
  ["authorization", "CAPTURED", "AUTHORIZATION_ALREADY_CAPTURED", "AUTHORIZATION_ALREADY_CAPTURED", "PREVIOUSLY_CAPTURED"],
  ["authorization", "VOIDED", "AUTHORIZATION_VOIDED", "AUTHORIZATION_VOIDED", "PREVIOUSLY_VOIDED"],
  ["capture", "COMPLETED", done, done],
  ["capture", "PENDING", "PENDING_CAPTURE", "PENDING_CAPTURE"],
  ["capture", "DECLINED", "REFUND_NOT_ALLOWED", "REFUND_NOT_ALLOWED"],
  ["capture", "PARTIALLY_REFUNDED", done, done],
  ["capture", "REFUNDED", "CAPTURE_FULLY_REFUNDED", "CAPTURE_FULLY_REFUNDED"],
  ["plan", "CREATED", done, "PLAN_STATUS_INVALID", done, "PLAN_STATUS_INVALID"],
  ["plan", "ACTIVE", "PLAN_STATUS_INVALID", done, done, done],
  ["plan", "INACTIVE", done, "PLAN_STATUS_INVALID", "PLAN_STATUS_INACTIVE", "PLAN_STATUS_INVALID"],
  ["subscription", "APPROVAL_PENDING", invalid, invalid, invalid, invalid, invalid, invalid],
  ["subscription", "APPROVED", done, invalid, invalid, invalid, invalid, invalid],
  ["subscription", "ACTIVE", invalid, done, done, done, "ZERO_OUTSTANDING_BALANCE", done],
  ["subscription", "SUSPENDED", done, invalid, done, done, "ZERO_OUTSTANDING_BALANCE", done],
  ["subscription", "CANCELLED", invalid, invalid, invalid, invalid, invalid, invalid],
  ["subscription", "EXPIRED", invalid, invalid, invalid, invalid, "ZERO_OUTSTANDING_BALANCE", invalid],
  ["invoice", "DRAFT", done, noReminder, "CANNOT_CANCEL_DRAFT_INVOICE", noPayment, noRefund, done],
  ["invoice", "SCHEDULED", done, noReminder, "CANNOT_CANCEL_SCHEDULED_INVOICE", noPayment, noRefund, done],
  ["invoice", "SENT", noSending, done, done, done, noRefund, noDeleting],
  ["invoice", "PARTIALLY_PAID", noSending, done, paid, done, done, noDeleting],
  ["invoice", "MARKED_AS_PAID", noSending, noReminder, paid, noPayment, done, noDeleting],
  ["invoice", "PAID", noSending, noReminder, paid, noPayment, noRefund, noDeleting],
  ["invoice", "PAYMENT_PENDING", noSending, noReminder, paid, noPayment, noRefund, noDeleting],
  ["invoice", "MARKED_AS_REFUNDED", noSending, noReminder, back, noPayment, noRefund, noDeleting],
  ["invoice", "CANCELLED", noSending, noReminder, "INVOICE_CANCELED_ALREADY", noPayment, noRefund, done],
  ["dispute", "OPEN", done, notNow, done, notNow],
  ["dispute", "WAITING_FOR_SELLER_RESPONSE", done, done, notNow, notNow],
  ["dispute", "UNDER_REVIEW", notNow, done, notNow, notNow],
  ["dispute", "RESOLVED", notNow, notNow, notNow, done],
];

describe("at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  let makers: Makers;
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
    shop = openShop(simulator);
    makers = await makersOf(simulator, shop);
  });
  afterAll(() => simulator.close());

  const ask = (line: string, body?: object) => shop.ask(line, body);
  const go = async (thing: string, move: string, id: string) => {
    const answer = await ask(...moves[thing]![move]!(id));
    return answer.status < 300 ? "" : answer.body.details[0]!.issue;
  };
  const paths: Record<string, string> = {
    ...{
      order: "/v2/checkout/orders",
      authorization: "/v2/payments/authorizations",
      capture: "/v2/payments/captures",
      plan: "/v1/billing/plans",
    },
    ...{ subscription: "/v1/billing/subscriptions", invoice: "/v2/invoicing/invoices", dispute: "/v1/customer/disputes" },
  };

  it.each(table)("%s, %s: moves are made and refused as PayPal does", async (thing, state, ...answers) => {
    const names = Object.keys(moves[thing]!);
    const got: string[] = [];
    for (const name of names) {
      const id = await makers[`${thing} ${state}`]!();
      expect((await ask(`GET ${paths[thing]}/${id}`)).body.status).toBe(state);
      got.push(`${name}: ${await go(thing, name, id)}`);
    }
    expect(got).toEqual(names.map((name, index) => `${name}: ${answers[index]}`));
  });
});
