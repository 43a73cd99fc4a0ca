import { randomUUID } from "node:crypto";
import type { Simulator } from "./server.ts";
import type { Document, openShop } from "./shop.ts";

const [eur, day] = [(value: string) => ({ currency_code: "EUR", value }), 86_400_000];

/** For specs: how to come by a thing in a state, e.g. "order APPROVED". Each makes a new one and gives its id. */
export type Makers = Record<string, () => Promise<string>>;

export async function makersOf(simulator: Simulator, shop: ReturnType<typeof openShop>): Promise<Makers> {
  const ask = async (line: string, body?: object) => {
    const answer = await shop.ask<Document>(line, body, { "paypal-request-id": randomUUID() });
    if (answer.status >= 300) throw new Error(`${line}: ${JSON.stringify(answer.body)}`);
    return answer;
  };
  const productId = (await ask("POST /v1/catalogs/products", { name: "Sync" })).body.id;
  const decide = (about: "capture" | "authorization", status: "PENDING" | "DECLINED" | "DENIED") =>
    simulator.decide({ about, status, merchant: shop.clientId });
  const order = async (of: object = {}) =>
    (await ask("POST /v2/checkout/orders", { intent: "CAPTURE", purchase_units: [{ amount: eur("9.00") }], ...of })).body.id;
  const plan = async (status: string, total_cycles = 0) => {
    const cycle = {
      tenure_type: "REGULAR",
      sequence: 1,
      total_cycles,
      frequency: { interval_unit: "DAY" },
      pricing_scheme: { fixed_price: eur("1.00") },
    };
    const body = { product_id: productId, name: "Plan", status, billing_cycles: [cycle], payment_preferences: {} };
    return (await ask("POST /v1/billing/plans", body)).body.id;
  };
  const subscription = async (user_action: string, total_cycles?: number) =>
    (await ask("POST /v1/billing/subscriptions", { plan_id: await plan("ACTIVE", total_cycles), application_context: { user_action } }))
      .body.id;
  const active = async (cycles?: number) => {
    const id = await subscription("SUBSCRIBE_NOW", cycles);
    simulator.approve(id);
    return id;
  };
  const invoice = async (invoice_date?: string) => {
    const detail = { currency_code: "EUR", ...(invoice_date && { invoice_date }) };
    const item = { name: "Hours", quantity: "1", unit_amount: eur("9.00") };
    return (
      await ask("POST /v2/invoicing/invoices", {
        detail,
        items: [item],
        primary_recipients: [{ billing_info: { email_address: "a@b.example" } }],
      })
    ).body.id;
  };
  const after = async (made: Promise<string>, line: (id: string) => string, body: object = {}) => {
    await ask(line(await made), body);
    return made;
  };
  const invoiced = (action: string) => (id: string) => `POST /v2/invoicing/invoices/${id}/${action}`;
  const sent = () => after(invoice(), invoiced("send"));
  const dispute = async (of: object = {}) =>
    (simulator.tell(`captures/${await shop.captured("9.00")}/dispute`, of) as { dispute_id: string }).dispute_id;
  const paidElsewhere = () => after(sent(), invoiced("payments"), { method: "CASH" });
  const captureIt = (id: string) => `POST /v2/payments/authorizations/${id}/capture`;
  const refundIt = (id: string) => `POST /v2/payments/captures/${id}/refund`;

  return {
    "order CREATED": () => order(),
    "order PAYER_ACTION_REQUIRED": () => order({ payment_source: { paypal: {} } }),
    "order APPROVED": () => shop.approved("9.00"),
    "order COMPLETED": () => after(shop.approved("9.00"), (id) => `POST /v2/checkout/orders/${id}/capture`),
    "authorization CREATED": () => shop.authorized("9.00"),
    "authorization PENDING": () => (decide("authorization", "PENDING"), shop.authorized("9.00")),
    "authorization DENIED": () => (decide("authorization", "DENIED"), shop.authorized("9.00")),
    "authorization PARTIALLY_CAPTURED": () => after(shop.authorized("9.00"), captureIt, { amount: eur("1.00") }),
    "authorization CAPTURED": () => after(shop.authorized("1.00"), captureIt),
    "authorization VOIDED": () => after(shop.authorized("9.00"), (id) => `POST /v2/payments/authorizations/${id}/void`),
    "capture COMPLETED": () => shop.captured("9.00"),
    "capture PENDING": () => (decide("capture", "PENDING"), shop.captured("9.00")),
    "capture DECLINED": () => (decide("capture", "DECLINED"), shop.captured("9.00")),
    "capture PARTIALLY_REFUNDED": () => after(shop.captured("9.00"), refundIt, { amount: eur("1.00") }),
    "capture REFUNDED": () => after(shop.captured("9.00"), refundIt),
    "plan CREATED": () => plan("CREATED"),
    "plan ACTIVE": () => plan("ACTIVE"),
    "plan INACTIVE": () => after(plan("ACTIVE"), (id) => `POST /v1/billing/plans/${id}/deactivate`),
    "subscription APPROVAL_PENDING": () => subscription("SUBSCRIBE_NOW"),
    "subscription APPROVED": async () => {
      const id = await subscription("CONTINUE");
      simulator.approve(id);
      return id;
    },
    "subscription ACTIVE": () => active(),
    "subscription SUSPENDED": () => after(active(), (id) => `POST /v1/billing/subscriptions/${id}/suspend`),
    "subscription CANCELLED": () => after(active(), (id) => `POST /v1/billing/subscriptions/${id}/cancel`),
    "subscription EXPIRED": async () => {
      const id = await active(1);
      simulator.advance(2 * day);
      return id;
    },
    "invoice DRAFT": () => invoice(),
    "invoice SCHEDULED": () => after(invoice("2090-01-01"), invoiced("send")),
    "invoice SENT": sent,
    "invoice PARTIALLY_PAID": () => after(sent(), invoiced("payments"), { method: "CASH", amount: eur("1.00") }),
    "invoice MARKED_AS_PAID": paidElsewhere,
    "invoice PAID": async () => {
      const id = await sent();
      simulator.tell(`invoices/${id}/pay`);
      return id;
    },
    "invoice PAYMENT_PENDING": async () => {
      const id = await sent();
      decide("capture", "PENDING");
      simulator.tell(`invoices/${id}/pay`);
      return id;
    },
    "invoice MARKED_AS_REFUNDED": () => after(paidElsewhere(), invoiced("refunds"), { method: "CASH" }),
    "invoice CANCELLED": () => after(sent(), invoiced("cancel")),
    "dispute OPEN": () => dispute({ stage: "INQUIRY" }),
    "dispute WAITING_FOR_SELLER_RESPONSE": () => dispute(),
    "dispute UNDER_REVIEW": () =>
      after(dispute(), (id) => `POST /v1/customer/disputes/${id}/provide-evidence`, { evidences: [{ evidence_type: "OTHER" }] }),
    "dispute RESOLVED": async () => {
      const id = await dispute();
      simulator.tell(`disputes/${id}/resolve`, { outcome: "RESOLVED_BUYER_FAVOUR" });
      return id;
    },
  };
}
