import { randomUUID } from "node:crypto";
import { CheckoutPaymentIntent, PatchOp } from "@paypal/paypal-server-sdk";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { issueOf, openShop } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

const hour = 3_600_000;

describe("orders at the PayPal simulator", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
    shop = openShop(simulator);
  });
  afterAll(() => simulator.close());
  const eur = (value: string) => ({ currency_code: "EUR", value });
  const item = (unit: string, tax: string, quantity: string) => ({ name: "Thing", unit_amount: eur(unit), tax: eur(tax), quantity });
  const create = (unit: object) => shop.ask("POST /v2/checkout/orders", { intent: "CAPTURE", purchase_units: [unit] });

  it.each([
    ["ITEM_TOTAL_MISMATCH", { value: "119.00", item_total: "99.99", tax_total: "19.00" }],
    ["TAX_TOTAL_MISMATCH", { value: "119.00", item_total: "100.00", tax_total: "18.99" }],
    ["AMOUNT_MISMATCH", { value: "118.99", item_total: "100.00", tax_total: "19.00" }],
  ])("refuses a breakdown that does not add up with %s", async (issue, { value, ...of }) => {
    const breakdown = Object.fromEntries(Object.entries(of).map(([part, of]) => [part, eur(of)]));
    const answer = await create({ amount: { ...eur(value), breakdown }, items: [item("50.00", "9.50", "2")] });
    expect(answer).toMatchObject({ status: 422, body: { details: [{ issue }] } });
  });

  it("takes one that adds up", async () => {
    const breakdown = { item_total: eur("100.00"), tax_total: eur("19.00"), shipping: eur("5.00"), discount: eur("4.00") };
    const answer = await create({ amount: { ...eur("120.00"), breakdown }, items: [item("50.00", "9.50", "2")] });
    expect(answer.status).toBe(201);
  });

  it("changes an order until it is completed, and its amount until the payer has agreed", async () => {
    const { body } = await create({ amount: eur("10.00") });
    const path = "/purchase_units/@reference_id=='default'/";
    const patch = (field: string, value: unknown, op = PatchOp.Replace) =>
      shop.orders.patchOrder({ id: body.id, body: [{ op, path: path + field, value }] });
    expect((await patch("amount", eur("12.00"))).statusCode).toBe(204);
    await patch("custom_id", "mine", PatchOp.Add);
    const { result } = await shop.orders.getOrder({ id: body.id });
    expect(result.purchaseUnits![0]).toMatchObject({ amount: { value: "12.00" }, customId: "mine" });
    expect(await issueOf(patch("colour", "red"))).toBe("FIELD_NOT_PATCHABLE");
    expect(await issueOf(patch("amount", eur("0.00")))).toBe("CANNOT_BE_ZERO_OR_NEGATIVE");
    simulator.approve(body.id);
    expect(await issueOf(patch("amount", eur("13.00")))).toBe("AMOUNT_CHANGE_NOT_ALLOWED");
    await shop.orders.captureOrder({ id: body.id });
    expect(await issueOf(patch("custom_id", "late"))).toBe("ORDER_ALREADY_COMPLETED");
  });

  it("demands the action of the intent, approval first, and each only once", async () => {
    const pay = (id: string) => issueOf(shop.orders.captureOrder({ id }));
    const authorize = (id: string) => issueOf(shop.orders.authorizeOrder({ id }));
    const [capture, hold] = [await shop.approved(), await shop.approved("5.00", "EUR", { intent: CheckoutPaymentIntent.Authorize })];
    expect([await authorize(capture), await pay(hold)]).toEqual(["ACTION_DOES_NOT_MATCH_INTENT", "ACTION_DOES_NOT_MATCH_INTENT"]);
    expect([await pay(capture), await authorize(hold)]).toEqual(["", ""]);
    expect([await pay(capture), await authorize(hold)]).toEqual(["ORDER_ALREADY_CAPTURED", "ORDER_ALREADY_AUTHORIZED"]);
    expect(await pay((await create({ amount: eur("1.00") })).body.id)).toBe("ORDER_NOT_APPROVED");
  });

  it("takes an invoice id once per merchant, also when two orders hope for it", async () => {
    const invoice_id = randomUUID();
    const [one, two] = [await create({ amount: eur("1.00"), invoice_id }), await create({ amount: eur("1.00"), invoice_id })];
    for (const { body } of [one, two]) simulator.approve(body.id);
    await shop.orders.captureOrder({ id: one.body.id });
    expect(await issueOf(shop.orders.captureOrder({ id: two.body.id }))).toBe("DUPLICATE_INVOICE_ID");
  });

  it("lets the payment source come after the order", async () => {
    const { body } = await create({ amount: eur("1.00") });
    const paypal = { experience_context: { return_url: "https://shop.example/back", cancel_url: "https://shop.example/no" } };
    const answer = await shop.ask(`POST /v2/checkout/orders/${body.id}/confirm-payment-source`, { payment_source: { paypal } });
    expect(answer).toMatchObject({ status: 200, body: { status: "PAYER_ACTION_REQUIRED" } });
    expect(answer.body.links.map(({ rel }) => rel)).toContain("payer-action");
  });

  it("forgets an order that nobody completes after six hours, and a request id with it", async () => {
    const own = await startPayPalSimulator();
    const { ask } = openShop(own);
    const headers = { "paypal-request-id": randomUUID() };
    const order = { intent: "CAPTURE", purchase_units: [{ amount: eur("1.00") }] };
    const first = await ask("POST /v2/checkout/orders", order, headers);
    expect((await ask("POST /v2/checkout/orders", order, headers)).body.id).toBe(first.body.id);
    own.advance(4 * hour);
    own.approve(first.body.id);
    expect((await ask(`GET /v2/checkout/orders/${first.body.id}`)).body.status).toBe("CREATED");
    own.advance(3 * hour);
    expect((await ask(`GET /v2/checkout/orders/${first.body.id}`)).status).toBe(404);
    expect((await ask("POST /v2/checkout/orders", order, headers)).body.id).not.toBe(first.body.id);
    await own.close();
  });
});
