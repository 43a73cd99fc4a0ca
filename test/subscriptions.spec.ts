import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { platform, type Permission } from "../config/permissions.ts";
import { serviceClaim } from "../mixins/claim.ts";
import { freePort } from "../scripts/servers/memory.ts";
import { startPayPalSimulator, type Simulator } from "../services/payment/simulator/server.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { until } from "./edge.ts";
import { testNode, type TestNode } from "./node.ts";

interface Shown {
  id: string;
  status: string;
  approvalUrl: string;
  nextBillingAt: string;
  change: { approvalUrl: string } | null;
}

describe("plans and subscriptions over HTTP", () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let node: TestNode;
  let edge: string;
  const [acme, other] = [randomUUID(), randomUUID()];
  beforeAll(async () => {
    database = await testDatabase();
    simulator = await startPayPalSimulator({ webhookTries: [0, 50, 200, 1_000] });
    // PayPal has to know where to post before the edge listens.
    const port = await freePort();
    edge = `http://127.0.0.1:${port}`;
    Object.assign(process.env, {
      ...{ PAYPAL_URL: simulator.url, PAYPAL_CLIENT_ID: "client", PAYPAL_CLIENT_SECRET: "secret" },
      ...{ PORT: String(port), PUBLIC_URL: edge },
    });
    node = await testNode(["payment", "auth", "api"], database);
    const registered = "select 1 from payment.paypal_accounts where id = $1 and webhook_id is not null";
    await until(async () => (await database.admin.query(registered, [platform])).rows.length === 1, "the platform's webhook", 20_000);
  });
  afterAll(async () => {
    await node?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const writing: Permission[] = ["payment:read", "payment:write"];
  async function ask<T = Shown>(line: string, body?: object, of = acme, may = writing, key?: string) {
    const [method, path] = line.split(" ");
    const token = await serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "test", of, may);
    const response = await fetch(`${edge}/api/v1${path}`, {
      method: method!,
      headers: { Authorization: `Bearer ${token}`, "Content-Type": "application/json", ...(key && { "Idempotency-Key": key }) },
      ...(body && { body: JSON.stringify(body) }),
    });
    const answer = (await response.json()) as { data: T; code?: string; errors?: { pointer: string }[] };
    return { status: response.status, ...answer };
  }
  const monthly = { name: "Pro <b>", currency: "EUR", cycles: [{ tenure: "regular", unit: "month", price: "12.50" }] };
  /** What the payer's browser does at PayPal's page, and on the way back at the edge of this suite. */
  async function atPayPal(approvalUrl: string, action: "approve" | "cancel") {
    const sent = await fetch(approvalUrl, { method: "POST", body: new URLSearchParams({ action }), redirect: "manual" });
    const back = new URL(sent.headers.get("location")!);
    return await (await fetch(edge + back.pathname + back.search)).text();
  }

  it("take a payer from a plan over PayPal's page to an entitlement, another plan, and the end", async () => {
    const plan = (await ask("POST /plans", monthly, acme, writing, "plan")).data;
    expect((await ask("POST /plans", monthly, acme, writing, "plan")).data.id).toBe(plan.id);
    const yearly = { ...monthly, name: "Year", productOf: plan.id, cycles: [{ tenure: "regular", unit: "year", price: "99.00" }] };
    const { data: next } = await ask("POST /plans", yearly);
    const wish = { planId: plan.id, customer: "4711", returnUrl: "https://shop.example/done?a=1", cancelUrl: "https://shop.example/back" };
    const made = await ask("POST /subscriptions", wish, acme, writing, "one");
    expect(made).toMatchObject({ status: 201, data: { status: "approval_pending", amount: "12.50", simulated: true } });
    const { id, approvalUrl } = made.data;
    expect((await ask("POST /subscriptions", wish, acme, writing, "one")).data.id).toBe(id);

    expect(await atPayPal(approvalUrl, "cancel")).toContain(`https://shop.example/back?subscriptionId=${id}&#38;status=approval_pending`);
    expect(await atPayPal(approvalUrl, "approve")).toContain(`https://shop.example/done?a=1&#38;subscriptionId=${id}&#38;status=active`);
    expect((await fetch(`${edge}/api/v1/subscriptions/${id}/return?subscription_id=I-GUESSED`)).status).toBe(404);
    expect((await ask("GET /entitlements?customer=4711")).data).toMatchObject({ entitled: true, why: "paid", subscriptionId: id });
    expect((await ask<object[]>(`GET /subscriptions/${id}/payments`)).data).toMatchObject([
      { status: "completed", amount: "12.50", currency: "EUR" },
    ]);

    const [sale] = (await ask<{ saleId: string }[]>(`GET /subscriptions/${id}/payments`)).data;
    const back = `POST /subscriptions/${id}/payments/${sale!.saleId}/refund`;
    expect((await ask(back, { amount: "2.50" })).status).toBe(403);
    expect((await ask(back, { amount: "2.50" }, acme, ["payment:refund"])).data).toMatchObject({
      status: "partially_refunded",
      refunded: "2.50",
    });
    const again = () => ask(back, { amount: "1.00" }, acme, ["payment:refund"], "again");
    const [once, twice] = await Promise.all([again(), again()]);
    expect([once.data, twice.data]).toMatchObject(Array(2).fill({ refunded: "3.50" }));
    expect(await ask(back, { amount: "1.01" }, acme, ["payment:refund"], "again")).toMatchObject({
      status: 422,
      code: "IDEMPOTENCY_KEY_REUSED",
    });
    expect(await ask(back, { amount: "10.01" }, acme, ["payment:refund"])).toMatchObject({ status: 422, code: "REFUND_AMOUNT_EXCEEDED" });
    expect(await ask("GET /subscriptions/unanswered", undefined, acme, ["payment:manage"])).toMatchObject({ status: 200, data: [] });

    const changing = (await ask(`POST /subscriptions/${id}/change`, { planId: next.id })).data;
    expect(changing).toMatchObject({ planId: plan.id, change: { planId: next.id } });
    await atPayPal(changing.change!.approvalUrl, "approve");
    expect((await ask(`GET /subscriptions/${id}`)).data).toMatchObject({
      planId: next.id,
      amount: "99.00",
      interval: { unit: "year", count: 1 },
      change: null,
    });

    expect((await ask(`POST /subscriptions/${id}/suspend`, { reason: "holiday" })).data.status).toBe("suspended");
    expect(await ask(`POST /subscriptions/${id}/suspend`, {})).toMatchObject({ status: 409, code: "SUBSCRIPTION_STATE_CONFLICT" });
    expect((await ask(`POST /subscriptions/${id}/resume`, {})).data.status).toBe("active");
    expect(await ask(`POST /subscriptions/${id}/capture`, { note: "x" })).toMatchObject({ status: 422, code: "OUTSTANDING_EXCEEDED" });
    expect((await ask(`POST /subscriptions/${id}/cancel`, {})).data.status).toBe("cancelled");
    expect((await ask("GET /entitlements?customer=4711")).data).toMatchObject({ entitled: true, why: "paid", status: "cancelled" });
    expect((await ask<Shown[]>("GET /subscriptions?status=cancelled")).data.map((one) => one.id)).toEqual([id]);
  });

  it("follow signed webhooks, doubled and reordered ones too, without anybody looking: begun, renewed, failed, given back, for two organisations", async () => {
    const trial = { ...monthly, cycles: [{ tenure: "trial", unit: "day", count: 7 }, ...monthly.cycles] };
    const begun = await Promise.all(
      [acme, other].map(async (of) => {
        const { data: plan } = await ask("POST /plans", trial, of);
        const { data } = await ask<Shown & { paypalSubscriptionId: string }>(
          "POST /subscriptions",
          { planId: plan.id, customer: "webhooks" },
          of,
        );
        return { ...data, of };
      }),
    );
    const typesOf = async (id: string) => {
      const text = "select type from payment.events where stream = $1 order by version";
      return (await database.admin.query<{ type: string }>(text, [`subscription:${id}`])).rows.map(({ type }) => type.split(".")[1]!);
    };
    const told = (id: string, type: string, times = 1) =>
      until(async () => (await typesOf(id)).filter((one) => one === type).length === times, `${type}, ${times} times`, 30_000);

    simulator.inject({ operation: "webhook", kind: "duplicate", eventType: "BILLING.SUBSCRIPTION.*", copies: 3, times: 4 });
    for (const { paypalSubscriptionId } of begun) simulator.approve(paypalSubscriptionId);
    for (const { id } of begun) await told(id, "activated");
    simulator.inject({ operation: "webhook", kind: "reorder", eventType: "PAYMENT.SALE.*", times: 4 });
    simulator.advance(45 * 86_400_000);
    for (const { id } of begun) await told(id, "renewed", 2);
    const [first, second] = begun as [(typeof begun)[number], (typeof begun)[number]];
    simulator.decide({ about: "renewal", status: "FAILED", id: second.paypalSubscriptionId });
    // An hour after the next payment, and before PayPal tries the failed one again.
    const { nextBillingAt } = (await ask(`GET /subscriptions/${second.id}`, undefined, other)).data;
    const { now } = simulator.tell("clock", { ms: 0 }) as { now: string };
    simulator.advance(Date.parse(nextBillingAt) - Date.parse(now) + 3_600_000);
    await told(second.id, "past_due");
    await told(first.id, "renewed", 3);
    const { data: sales } = await ask<{ saleId: string }[]>(`GET /subscriptions/${first.id}/payments`);
    simulator.tell(`captures/${sales[0]!.saleId}/refund`, { value: "2.50" });
    await told(first.id, "refunded");
    expect((await ask(`GET /subscriptions/${second.id}`, undefined, other)).data).toMatchObject({
      status: "past_due",
      failedPayments: 1,
      outstanding: "12.50",
    });
    expect((await ask<object[]>(`GET /subscriptions/${first.id}/payments`)).data[0]).toMatchObject({
      status: "partially_refunded",
      refunded: "2.50",
    });
    expect((await typesOf(first.id)).filter((type) => type === "activated")).toHaveLength(1);
  });

  it("name every fault of a plan", async () => {
    const bad = { ...monthly, currency: "XXX", setupFee: "1,50", cycles: [{ tenure: "trial", unit: "day" }] };
    const answer = await ask("POST /plans", bad);
    expect(answer).toMatchObject({ status: 422, code: "VALIDATION_FAILED" });
    expect(answer.errors!.map(({ pointer }) => pointer)).toEqual(["/currency", "/cycles", "/setupFee"]);
  });

  it("are known to their own organisation, and to those who may, alone", async () => {
    const { data: plan } = await ask("POST /plans", monthly);
    const { data } = await ask("POST /subscriptions", { planId: plan.id, customer: "4712" });
    expect((await ask(`GET /subscriptions/${data.id}`, undefined, other)).status).toBe(404);
    expect((await ask(`POST /subscriptions/${data.id}/cancel`, {}, other)).status).toBe(404);
    expect((await ask("GET /entitlements?customer=4712", undefined, other)).data).toMatchObject({ entitled: false, why: "none" });
    expect((await ask<Shown[]>("GET /plans", undefined, other)).data.map(({ id }) => id)).not.toContain(plan.id);
    expect((await ask(`POST /plans/${plan.id}/deactivate`, {}, acme, ["payment:read"])).status).toBe(403);
  });

  it("have their invoices make themselves, and those that PayPal collects are paid and booked, by its webhooks alone and each in its own organisation", async () => {
    const seller = { name: "Söhne GmbH", street: "Weg 1", postcode: "10115", city: "Berlin", country: "DE", vatId: "DE136695976" };
    expect((await ask("PUT /seller", { ...seller, invoiceOnCapture: true }, acme, ["payment:manage"])).status).toBe(200);
    const buyer = { name: "Käufer AG", email: "buyer@example.com" };
    const billing = { buyer, customer: { country: "DE" } };
    const { data: plan } = await ask("POST /plans", { ...monthly, cycles: [{ tenure: "regular", unit: "month", price: "11.90" }] });
    const wish = { planId: plan.id, customer: "billed" };
    expect(await ask("POST /subscriptions", { ...wish, billing: { ...billing, customer: { country: "QQ" } } })).toMatchObject({
      status: 422,
      errors: [{ pointer: "/billing/customer/country" }],
    });
    const { data: made } = await ask<Shown & { paypalSubscriptionId: string }>("POST /subscriptions", { ...wish, billing });
    expect((await ask(`PUT /subscriptions/${made.id}/billing`, { ...billing, buyer: { ...buyer, reference: "PO 7" } })).status).toBe(200);
    simulator.approve(made.paypalSubscriptionId);
    const listed = async () =>
      (await ask<{ status: string; gross: string; tax: string }[]>(`GET /invoices?subscriptionId=${made.id}`)).data;
    await until(async () => (await listed()).length === 1, "the invoice of the first payment", 30_000);
    expect(await listed()).toMatchObject([{ status: "paid", gross: "11.90", tax: "1.90" }]);

    const basket = {
      currency: "EUR",
      items: [{ name: "Annual plan", quantity: 1, unitAmount: "100.00" }],
      customer: { country: "DE" },
      buyer,
    };
    const { data: invoice } = await ask("POST /invoices", basket);
    await ask(`POST /invoices/${invoice.id}/issue`, {});
    const { data: sent } = await ask<{ paypalId: string; status: string }>(`POST /invoices/${invoice.id}/paypal`, {});
    expect(sent.status).toBe("SENT");
    simulator.tell(`invoices/${sent.paypalId}/pay`);
    await until(async () => (await ask(`GET /invoices/${invoice.id}`)).data.status === "paid", "the collected invoice to be paid", 30_000);
    const { data: entries } = await ask<{ kind: string; amount: string; invoiceId: string }[]>(`GET /invoices/${invoice.id}/ledger`);
    expect(entries.map(({ kind, amount, invoiceId }) => [kind, amount, invoiceId]).sort()).toEqual([
      ["capture", "119.00", invoice.id],
      ["capture_fee", "4.54", invoice.id],
    ]);
    expect((await ask(`GET /invoices/${invoice.id}/ledger`, undefined, other)).status).toBe(404);
    expect((await ask<object[]>(`GET /invoices?subscriptionId=${made.id}`, undefined, other)).data).toEqual([]);
  });
});
