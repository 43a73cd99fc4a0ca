import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startPayPalSimulator, type Simulator } from "./server.ts";
import { openShop } from "./shop.ts";

describe("the simulator's fault script", () => {
  let simulator: Simulator;
  let shop: ReturnType<typeof openShop>;
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
    shop = openShop(simulator);
  });
  afterAll(() => simulator.close());
  const capture = (id: string) => shop.ask(`POST /v2/checkout/orders/${id}/capture`, {}).catch(() => null);
  const script = (fault: object) => fetch(`${simulator.url}/simulator/faults`, { method: "POST", headers, body: JSON.stringify(fault) });
  const headers = { "content-type": "application/json" };

  it.each([
    ["fail", { status: 500 }],
    ["empty", { status: 201, body: null }],
    ["reset", null],
    ["late", { status: 201, body: { status: "COMPLETED" } }],
  ])("does the work and spoils the answer: %s", async (kind, answer) => {
    const id = await shop.approved();
    const before = simulator.captures();
    expect((await script({ operation: "orders.capture", kind, delayMs: 5 })).status).toBe(204);
    const got = await capture(id);
    if (answer) expect(got).toMatchObject(answer);
    else expect(got).toBeNull();
    expect(simulator.captures()).toBe(before + 1);
  });

  it("throttles without doing the work, saying when to come back", async () => {
    const id = await shop.approved();
    simulator.inject({ operation: "orders.capture", kind: "refuse", status: 429, retryAfter: 7 });
    const throttled = await capture(id);
    expect(throttled).toMatchObject({ status: 429, body: { name: "RATE_LIMIT_REACHED" } });
    expect(throttled!.headers.get("retry-after")).toBe("7");
    expect(await capture(id)).toMatchObject({ status: 201 });
  });

  it("spoils only the calls of one merchant, or about one thing, when told so", async () => {
    const [mine, other] = [await shop.approved(), openShop(simulator)];
    simulator.inject({ operation: "orders.capture", kind: "refuse", merchant: other.clientId });
    simulator.inject({ operation: "orders.capture", kind: "refuse", id: "SOMETHINGELSE" });
    expect(await capture(mine)).toMatchObject({ status: 201 });
    expect((await other.ask(`POST /v2/checkout/orders/${await other.approved()}/capture`, {})).status).toBe(503);
  });

  it.each([
    ["captures.refund", "CAPTURE_FULLY_REFUNDED", 422],
    ["subscriptions.create", "PLAN_STATUS_INVALID", 422],
    ["invoices.create", "PERMISSION_DENIED", 403],
    ["disputes.list", "INTERNAL_SERVER_ERROR", 500],
  ])("forces an error on any operation (%s), as PayPal-Mock-Response says", async (operation, issue, status) => {
    const lines: Record<string, string> = {
      "captures.refund": `POST /v2/payments/captures/${await shop.captured()}/refund`,
      "subscriptions.create": "POST /v1/billing/subscriptions",
      "invoices.create": "POST /v2/invoicing/invoices",
      "disputes.list": "GET /v1/customer/disputes",
    };
    const mock = { "paypal-mock-response": JSON.stringify({ mock_application_codes: issue }) };
    const [method] = lines[operation]!.split(" ");
    const answer = await shop.ask(lines[operation]!, method === "GET" ? undefined : {}, mock);
    expect(answer).toMatchObject({ status, body: { details: [{ issue }] } });
  });

  it("says what is wrong with a fault that it does not know", async () => {
    const reply = await script({ operation: "orders.eat", kind: "hang" });
    expect(reply.status).toBe(400);
    expect(((await reply.json()) as { message: string }).message).toContain("orders.capture");
    expect((await script({ operation: "webhook", kind: "burn" })).status).toBe(400);
  });
});
