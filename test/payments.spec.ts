import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { call, type ActionMap } from "../config/calls.ts";
import type { Permission } from "../config/permissions.ts";
import { serviceClaim } from "../mixins/claim.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { testNode, type TestNode } from "./node.ts";
import { startPayPalSimulator, type Simulator } from "../services/payment/simulator/server.ts";

describe("the payment service", () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let node: TestNode;
  let edge: string;
  const [acme, other] = [randomUUID(), randomUUID()];
  beforeAll(async () => {
    database = await testDatabase();
    simulator = await startPayPalSimulator();
    Object.assign(process.env, { PAYPAL_URL: simulator.url, PAYPAL_CLIENT_ID: "client", PAYPAL_CLIENT_SECRET: "secret" });
    node = await testNode(["payment", "auth", "api"], database);
    edge = (node.broker.getLocalService("api") as unknown as { address: string }).address;
  });
  afterAll(async () => {
    await node?.stop();
    await simulator?.close();
    await database?.drop();
  });

  type Name = keyof ActionMap & `payment.${string}`;
  async function ask<N extends Name>(
    name: N,
    params: ActionMap[N]["params"],
    of = acme,
    may: Permission[] = ["payment:read", "payment:write"],
    key?: string,
  ) {
    const claim = await serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "test", of, may);
    return await call(node.broker, name, params, { meta: { claim, ...(key && { idempotencyKey: key }) } });
  }
  const wish = { amount: "12.50", currency: "EUR", description: "Plan <b>" };
  /** What the payer's browser does at PayPal's page. @returns where it is sent then */
  async function atPayPal(approvalUrl: string, action: "approve" | "cancel"): Promise<URL> {
    const page = await (await fetch(approvalUrl)).text();
    expect(page).toContain("12.50 EUR");
    const sent = await fetch(approvalUrl, { method: "POST", body: new URLSearchParams({ action }), redirect: "manual" });
    return new URL(sent.headers.get("location")!);
  }
  /** The same address at the edge of this suite, which picked its own port. */
  const backAt = (url: URL) => fetch(edge + url.pathname + url.search);

  it("takes a payer from creation over PayPal's page back to a captured payment, once", async () => {
    const created = await ask("payment.create", wish);
    expect(created).toMatchObject({ status: "pending", amount: "12.50", simulated: true, captureId: null, failure: null });
    const back = await atPayPal(created.approvalUrl!, "approve");
    const before = simulator.captures();
    const pages = await Promise.all([backAt(back), backAt(back), ask("payment.settle", { id: created.id })]);
    expect(await pages[0].text()).toContain("You paid. Thank you.");
    expect(pages[0].headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(await pages[1].text()).toContain("Plan &#60;b&#62;");
    expect(pages[2].status).toBe("captured");
    expect(simulator.captures()).toBe(before + 1);
    expect(await ask("payment.get", { id: created.id })).toMatchObject({
      status: "captured",
      approvalUrl: null,
      captureId: pages[2].captureId,
    });
  });

  it("sends the payer on to the shop, with payment and status, whether they paid or not", async () => {
    const shop = { returnUrl: "https://shop.example/done?basket=7", cancelUrl: "https://shop.example/basket" };
    const { id, approvalUrl } = await ask("payment.create", { ...wish, ...shop });
    const cancelled = await (await backAt(await atPayPal(approvalUrl!, "cancel"))).text();
    expect(cancelled).toContain(`url=https://shop.example/basket?paymentId=${id}&#38;status=pending`);
    const paid = await (await backAt(await atPayPal(approvalUrl!, "approve"))).text();
    expect(paid).toContain(`url=https://shop.example/done?basket=7&#38;paymentId=${id}&#38;status=captured`);
  });

  it("knows no payment by its id alone, nor by another payment's token", async () => {
    const [one, two] = [await ask("payment.create", wish), await ask("payment.create", wish)];
    expect((await fetch(`${edge}/api/v1/payments/${one.id}/return`)).status).toBe(422);
    expect((await fetch(`${edge}/api/v1/payments/${one.id}/return?token=${two.paypalPaymentId}`)).status).toBe(404);
  });

  it("shows, lists and settles nothing of another organisation", async () => {
    const { id } = await ask("payment.create", wish);
    await expect(ask("payment.get", { id }, other)).rejects.toMatchObject({ type: "PAYMENT_NOT_FOUND", code: 404 });
    await expect(ask("payment.settle", { id }, other)).rejects.toMatchObject({ type: "PAYMENT_NOT_FOUND" });
    expect((await ask("payment.list", {}, other)).data).toEqual([]);
  });

  it("asks for its permissions", async () => {
    await expect(ask("payment.create", wish, acme, ["payment:read"])).rejects.toMatchObject({ type: "FORBIDDEN" });
    await expect(ask("payment.list", {}, acme, ["payment:write"])).rejects.toMatchObject({ type: "FORBIDDEN" });
    expect((await fetch(`${edge}/api/v1/payments`)).status).toBe(401);
  });

  it("lists page by page, newest first, each payment once", async () => {
    const of = randomUUID();
    const made: string[] = [];
    for (let count = 0; count < 5; count++) made.unshift((await ask("payment.create", wish, of)).id);
    const seen: string[] = [];
    for (let cursor: string | undefined; ;) {
      const page = await ask("payment.list", { limit: 2, ...(cursor && { cursor }) }, of);
      seen.push(...page.data.map(({ id }) => id));
      if (!page.pagination.cursor) break;
      cursor = page.pagination.cursor;
    }
    expect(seen).toEqual(made);
    expect((await ask("payment.list", { status: "captured" }, of)).data).toEqual([]);
  });

  it("makes one payment of two requests under one Idempotency-Key", async () => {
    const [first, second] = await Promise.all([
      ask("payment.create", wish, acme, undefined, "k1"),
      ask("payment.create", wish, acme, undefined, "k1"),
    ]);
    expect(second.id).toBe(first.id);
  });

  it("publishes what happened", async () => {
    const { id, paypalPaymentId } = await ask("payment.create", wish);
    simulator.approve(paypalPaymentId!);
    const { captureId } = await ask("payment.settle", { id });
    const text = "select type, data from payment.events where stream = $1 order by version";
    const { rows } = await database.admin.query<{ type: string; data: object }>(text, [`payment:${id}`]);
    expect(rows.map(({ type }) => type)).toEqual(["payment.created", "payment.approved", "payment.captured"]);
    expect(rows[2]!.data).toEqual({ paymentId: id, status: "captured", amount: "12.50", currency: "EUR", captureId, captured: "12.50" });
  });
});
