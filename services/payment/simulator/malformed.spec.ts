import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { startPayPalSimulator, type Simulator } from "./server.ts";
import { openShop } from "./shop.ts";

type Json = null | string | number | boolean | Json[] | { [name: string]: Json };

const eur = (value: string): Json => ({ currency_code: "EUR", value });
const card: Json = { number: "4111111111111111", expiry: "2035-12", attributes: { vault: { store_in_vault: "ON_SUCCESS" } } };
const item: Json = { name: "Thing", quantity: "2", unit_amount: eur("5.00"), tax: { percent: "19" }, discount: { percent: "1" } };
const cycle: Json = {
  ...{ tenure_type: "REGULAR", sequence: 1, total_cycles: 0, frequency: { interval_unit: "MONTH", interval_count: 1 } },
  pricing_scheme: { pricing_model: "TIERED", tiers: [{ starting_quantity: "1", amount: eur("5.00") }] },
};

/** Every node of a document, by its path. */
function pathsOf(document: Json, at: (string | number)[] = []): (string | number)[][] {
  if (document === null || typeof document !== "object") return [at];
  const members = Array.isArray(document) ? [...document.entries()] : Object.entries(document);
  return [at, ...members.flatMap(([name, member]) => pathsOf(member, [...at, name]))];
}

function replaced(document: Json, [name, ...rest]: (string | number)[], value: Json): Json {
  if (name === undefined) return value;
  const copy = structuredClone(document) as Record<string | number, Json>;
  copy[name] = replaced(copy[name]!, rest, value);
  return copy;
}

describe("the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  const ids: Record<string, string> = {};
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
    shop = openShop(simulator);
    ids["product"] = (await shop.ask("POST /v1/catalogs/products", { name: "Sync" })).body.id;
    const plan = { product_id: ids["product"], name: "Plan", billing_cycles: [cycle], payment_preferences: {}, quantity_supported: true };
    ids["plan"] = (await shop.ask("POST /v1/billing/plans", plan)).body.id;
    ids["subscription"] = (await shop.ask("POST /v1/billing/subscriptions", { plan_id: ids["plan"], quantity: "2" })).body.id;
    simulator.approve(ids["subscription"]);
    [ids["capture"], ids["authorization"]] = [await shop.captured("900.00"), await shop.authorized("900.00")];
    ids["order"] = (await shop.ask("POST /v2/checkout/orders", { intent: "CAPTURE", purchase_units: [{ amount: eur("1.00") }] })).body.id;
    ids["dispute"] = (simulator.tell(`captures/${await shop.captured()}/dispute`) as { dispute_id: string }).dispute_id;
    ids["webhook"] = (
      await shop.ask("POST /v1/notifications/webhooks", { url: "http://127.0.0.1:1/", event_types: [{ name: "NONE" }] })
    ).body.id;
    const detail = { currency_code: "EUR" };
    ids["invoice"] = (await shop.ask("POST /v2/invoicing/invoices", { detail, items: [item] })).body.id;
    await shop.ask(`POST /v2/invoicing/invoices/${ids["invoice"]}/send`, { send_to_recipient: false });
  });
  afterAll(() => simulator.close());

  const unit: Json = {
    amount: { ...(eur("10.00") as object), breakdown: { item_total: eur("10.00") } },
    items: [{ ...(item as object), tax: eur("0.00") }],
  };
  const percents: Json = { percentage: "19", inclusive: true };
  it.each<[string, Json]>([
    ["POST /v2/checkout/orders", { intent: "CAPTURE", purchase_units: [unit], payment_source: { card } }],
    ["PATCH /v2/checkout/orders/$order", [{ op: "replace", path: "/purchase_units/@reference_id=='default'/amount", value: eur("2.00") }]],
    [
      "POST /v2/checkout/orders/$order/confirm-payment-source",
      { payment_source: { paypal: { experience_context: { return_url: "https://a.example" } } } },
    ],
    ["POST /v2/payments/authorizations/$authorization/capture", { amount: eur("0.01"), invoice_id: "i", final_capture: false }],
    ["POST /v2/payments/captures/$capture/refund", { amount: eur("0.01"), note_to_payer: "sorry" }],
    ["POST /v1/payments/sale/$capture/refund", { amount: { total: "0.01", currency: "EUR" } }],
    ["POST /v1/catalogs/products", { name: "Sync", description: "d", type: "SERVICE" }],
    ["PATCH /v1/catalogs/products/$product", [{ op: "replace", path: "/description", value: "new" }]],
    [
      "POST /v1/billing/plans",
      {
        product_id: "$product",
        name: "n",
        billing_cycles: [cycle],
        payment_preferences: { setup_fee: eur("1.00") },
        taxes: percents,
        quantity_supported: true,
      },
    ],
    ["PATCH /v1/billing/plans/$plan", [{ op: "replace", path: "/payment_preferences/setup_fee", value: eur("1.00") }]],
    [
      "POST /v1/billing/plans/$plan/update-pricing-schemes",
      { pricing_schemes: [{ billing_cycle_sequence: 1, pricing_scheme: { fixed_price: eur("6.00") } }] },
    ],
    [
      "POST /v1/billing/subscriptions",
      { plan_id: "$plan", quantity: "2", shipping_amount: eur("1.00"), plan: { billing_cycles: [cycle], taxes: percents } },
    ],
    [
      "PATCH /v1/billing/subscriptions/$subscription",
      [{ op: "replace", path: "/plan/billing_cycles/@sequence==1/pricing_scheme/fixed_price", value: eur("2.00") }],
    ],
    ["POST /v1/billing/subscriptions/$subscription/revise", { plan_id: "$plan", quantity: "3", shipping_amount: eur("1.00") }],
    ["POST /v1/billing/subscriptions/$subscription/capture", { note: "n", capture_type: "OUTSTANDING_BALANCE", amount: eur("1.00") }],
    [
      "POST /v2/invoicing/invoices",
      {
        detail: { currency_code: "EUR" },
        items: [item],
        amount: { breakdown: { shipping: { amount: eur("1.00"), tax: { percent: "7" } } } },
      },
    ],
    ["POST /v2/invoicing/invoices/$invoice/payments", { method: "CASH", amount: eur("0.01") }],
    ["POST /v2/invoicing/search-invoices", { status: ["SENT"], recipient_email: "a@b.example" }],
    ["POST /v3/vault/setup-tokens", { payment_source: { card }, customer: { id: "c" } }],
    ["POST /v3/vault/payment-tokens", { payment_source: { token: { id: "x", type: "SETUP_TOKEN" } } }],
    ["POST /v1/customer/disputes/$dispute/provide-evidence", { evidences: [{ evidence_type: "OTHER", notes: "n" }] }],
    ["POST /v1/notifications/webhooks", { url: "http://127.0.0.1:1/x", event_types: [{ name: "NONE" }] }],
    ["PATCH /v1/notifications/webhooks/$webhook", [{ op: "replace", path: "/event_types", value: [{ name: "NONE" }] }]],
    ["POST /v1/notifications/simulate-event", { webhook_id: "x", event_type: "NONE" }],
  ])("answers %s with a refusal or a result, whatever stands in its body, never with its own failure", async (line, body) => {
    const filled = (text: string) => text.replace(/\$(\w+)/g, (whole, name: string) => ids[name] ?? whole);
    const valid = JSON.parse(filled(JSON.stringify(body))) as Json;
    const spoiled = fc
      .tuple(
        fc.constantFrom(...pathsOf(valid)),
        fc.oneof(fc.constantFrom<Json>(null, "", "-1", "1e9", 0, [], {}, [null], "x".repeat(300)), fc.jsonValue()),
      )
      .map(([path, value]) => replaced(valid, path, value as Json));
    await fc.assert(
      fc.asyncProperty(spoiled, async (sent) => {
        const { status, body } = await shop.ask(filled(line), sent, { "paypal-request-id": randomUUID() });
        if (status >= 500) throw new Error(`${status}: ${JSON.stringify(body)}`);
      }),
      { numRuns: 40, seed: 5, endOnFailure: true },
    );
    expect((await shop.ask(filled(line), "{")).status).toBe(400);
  });
});
