import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { startPayPalSimulator, type Simulator } from "./server.ts";
import { openShop } from "./shop.ts";

interface Document {
  id: string;
  name: string;
  status: string;
  debug_id: string;
  details: { issue: string; field?: string }[];
  links: { rel: string; href: string }[];
}

describe("the PayPal simulator", () => {
  let simulator: Simulator;
  const tokens: Record<string, string> = {};
  beforeAll(async () => {
    simulator = await startPayPalSimulator({ latencyMs: 20 });
    for (const merchant of ["one", "two"]) {
      const authorization = `Basic ${Buffer.from(`${merchant}:secret`).toString("base64")}`;
      const reply = await fetch(`${simulator.url}/v1/oauth2/token`, {
        method: "POST",
        headers: { authorization },
        body: new URLSearchParams({ grant_type: "client_credentials" }),
      });
      tokens[merchant] = ((await reply.json()) as { access_token: string }).access_token;
    }
  });
  afterAll(() => simulator.close());

  async function ask(line: string, body?: unknown, headers: Record<string, string> = {}, merchant = "one") {
    const [method, path] = line.split(" ");
    const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
    const own = { authorization: `Bearer ${tokens[merchant]}`, "content-type": "application/json" };
    const reply = await fetch(simulator.url + path, { method, headers: { ...own, ...headers }, body: text });
    return { status: reply.status, body: (await reply.json()) as Document };
  }
  const unit = (value = "12.50", currency_code = "EUR") => ({ amount: { currency_code, value } });
  const order = (...units: object[]) => ({ intent: "CAPTURE", purchase_units: units.length ? units : [unit()] });
  const create = (body: unknown = order(), headers?: Record<string, string>) => ask("POST /v2/checkout/orders", body, headers);

  it("names every fault of a request, as PayPal's error documents do", async () => {
    const { status, body } = await create({ purchase_units: [{}, unit("1.2.3")] });
    expect(status).toBe(400);
    expect(body).toMatchObject({ name: "INVALID_REQUEST", debug_id: expect.any(String) as unknown });
    expect(body.details.map(({ issue }) => issue)).toEqual([
      "MISSING_REQUIRED_PARAMETER",
      "MISSING_REQUIRED_PARAMETER",
      "INVALID_PARAMETER_SYNTAX",
    ]);
    expect((await create("{")).body.details[0]!.issue).toBe("MALFORMED_REQUEST_JSON");
  });

  it.each([
    [unit("0.00"), "CANNOT_BE_ZERO_OR_NEGATIVE"],
    [unit("100.50", "HUF"), "DECIMAL_PRECISION"],
    [unit("1.00", "TND"), "INVALID_CURRENCY_CODE"],
  ])("refuses %j with %s", async (bad, issue) => {
    expect(await create(order(bad))).toMatchObject({ status: 422, body: { name: "UNPROCESSABLE_ENTITY", details: [{ issue }] } });
  });

  it("answers a repeated PayPal-Request-Id with the first answer and 200, and one still under way with 409", async () => {
    const headers = { "paypal-request-id": randomUUID() };
    // It works a second on each: the other one comes meanwhile.
    const slow = await startPayPalSimulator({ latencyMs: 2_000 });
    try {
      const shop = openShop(slow);
      const make = () => shop.ask("POST /v2/checkout/orders", order(), headers);
      const [first, second] = await Promise.all([make(), make()]);
      expect([first.status, second.status].sort()).toEqual([201, 409]);
      const made = first.status === 201 ? first : second;
      expect(await make()).toMatchObject({ status: 200, body: made.body });
    } finally {
      await slow.close();
    }
  });

  it("forces the error that PayPal-Mock-Response asks for, doing nothing else", async () => {
    const before = simulator.orders();
    const headers = { "paypal-mock-response": JSON.stringify({ mock_application_codes: "INSTRUMENT_DECLINED" }) };
    expect(await create(order(), headers)).toMatchObject({ status: 422, body: { details: [{ issue: "INSTRUMENT_DECLINED" }] } });
    expect(simulator.orders()).toBe(before);
  });

  it("shows all of an order only when asked to, and to its own merchant alone", async () => {
    const small = await create();
    expect(Object.keys(small.body)).toEqual(["id", "status", "links"]);
    const whole = await create(order(), { prefer: "return=representation" });
    expect(whole.body).toMatchObject({ intent: "CAPTURE", purchase_units: [unit()] });
    expect((await ask(`GET /v2/checkout/orders/${small.body.id}`, undefined, {}, "two")).status).toBe(404);
  });

  it("tells a registered webhook of approval and capture", async () => {
    const events: string[] = [];
    const shop = createServer((request, response) => {
      void (async () => {
        let text = "";
        for await (const chunk of request) text += String(chunk);
        events.push((JSON.parse(text) as { event_type: string }).event_type);
        response.end();
      })();
    });
    await new Promise<void>((resolve) => shop.listen(0, "127.0.0.1", resolve));
    const url = `http://127.0.0.1:${(shop.address() as AddressInfo).port}/hook`;
    expect((await ask("POST /v1/notifications/webhooks", { url, event_types: [{ name: "*" }] })).status).toBe(201);
    const { id } = (await create()).body;
    expect((await ask(`POST /simulator/orders/${id}/approve`)).body.status).toBe("APPROVED");
    expect((await ask(`POST /v2/checkout/orders/${id}/capture`, {})).status).toBe(201);
    while (events.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(events.sort()).toEqual(["CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "PAYMENT.CAPTURE.COMPLETED"]);
    shop.close();
  });
});
