import { randomUUID } from "node:crypto";
import { createServer, type AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { call, type ActionMap, type ActionName } from "../config/calls.ts";
import { permissions, platform } from "../config/permissions.ts";
import { serviceClaim } from "../mixins/claim.ts";
import { signatureHeaders } from "../services/payment/simulator/signature.ts";
import { startPayPalSimulator, type Simulator } from "../services/payment/simulator/server.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { until } from "./edge.ts";
import { testNode, type TestNode } from "./node.ts";

/** PayPal has to know where to post before the edge listens. */
const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });

describe("what PayPal tells", () => {
  let database: TestDatabase;
  let simulator: Simulator;
  let node: TestNode;
  let edge: string;
  const [acme, other] = [randomUUID(), randomUUID()];
  beforeAll(async () => {
    database = await testDatabase();
    simulator = await startPayPalSimulator({ webhookTries: [0, 50, 200] });
    const port = await freePort();
    edge = `http://127.0.0.1:${port}`;
    Object.assign(process.env, {
      ...{ PAYPAL_URL: simulator.url, PAYPAL_CLIENT_ID: "client", PAYPAL_CLIENT_SECRET: "secret" },
      ...{ PORT: String(port), PUBLIC_URL: edge },
    });
    node = await testNode(["payment", "auth", "api"], database);
    await until(async () => (await webhookIdOf(platform)) !== null, "the platform's webhook", 20_000);
  });
  afterAll(async () => {
    await node?.stop();
    await simulator?.close();
    await database?.drop();
  });

  const ask = async <N extends ActionName>(name: N, params: ActionMap[N]["params"], of = acme) =>
    call(node.broker, name, params, {
      meta: { claim: await serviceClaim(process.env["CLUSTER_SECRET"] ?? "", "test", of, [...permissions]) },
    });
  const rows = async <T extends object>(text: string, values: unknown[] = []) => (await database.admin.query<T>(text, values)).rows;
  const webhookIdOf = async (account: string) =>
    (await rows<{ webhook_id: string | null }>(`select webhook_id from payment.paypal_accounts where id = $1`, [account]))[0]?.webhook_id ??
    null;
  const wish = { amount: "12.50", currency: "EUR" };
  const isCaptured = (id: string, of = acme) =>
    until(async () => (await ask("payment.get", { id }, of)).status === "captured", "the capture", 20_000);
  const stateOf = async (eventId: string) =>
    (
      await rows<{ state: string; attempts: number; tenant_id: string; error_type: string | null }>(
        `select state, attempts, tenant_id, error_type from payment.webhook_inbox where event_id = $1`,
        [eventId],
      )
    )[0];
  const isIn = (eventId: string, state: string) =>
    until(async () => (await stateOf(eventId))?.state === state, `the event to be ${state}`, 20_000);
  /** As if the time until its next attempt had passed. */
  const letWait = (eventId: string) =>
    database.admin.query(`update payment.webhook_inbox set next_attempt_at = now() where event_id = $1 and state = 'waiting'`, [eventId]);

  const event = (type: string, resource: object, resourceType = "capture") => ({
    id: `WH-${randomUUID()}`,
    event_version: "1.0",
    create_time: new Date().toISOString(),
    resource_type: resourceType,
    event_type: type,
    resource,
  });
  /** Posts as PayPal does. */
  async function post(
    body: object | string,
    { account = platform, headers = {}, sent }: { account?: string; headers?: Record<string, string>; sent?: string } = {},
  ) {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const webhookId = (await webhookIdOf(account)) ?? "";
    const signed = signatureHeaders({ transmissionId: randomUUID(), time: new Date().toISOString(), webhookId, body: text }, simulator.url);
    const reply = await fetch(`${edge}/api/v1/payments/webhooks/${account}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...signed, ...headers },
      body: sent ?? text,
    });
    const answer = (await reply.json()) as { data?: { received: boolean; new: boolean }; code?: string };
    return { status: reply.status, ...answer };
  }

  it("captures a payment whose payer never came back, for each of two organisations", async () => {
    for (const tenantId of [acme, other]) {
      const { id, paypalPaymentId } = await ask("payment.create", wish, tenantId);
      simulator.approve(paypalPaymentId!);
      await isCaptured(id, tenantId);
      const about = `payment:${id}`;
      await until(
        async () => (await ask("payment.webhooks.list", { about, state: "done" }, tenantId)).data.length === 3,
        "all three events",
        20_000,
      );
      const { data } = await ask("payment.webhooks.list", { about }, tenantId);
      expect(data.map(({ type }) => type).sort()).toEqual([
        "CHECKOUT.ORDER.APPROVED",
        "CHECKOUT.ORDER.COMPLETED",
        "PAYMENT.CAPTURE.COMPLETED",
      ]);
      const whole = await ask("payment.webhooks.get", { id: data[0]!.id }, tenantId);
      expect(whole).toMatchObject({ accountId: platform, provedBy: "signature", headers: { "paypal-auth-algo": "SHA256withRSA" } });
      expect(JSON.parse(whole.body)).toMatchObject({ id: data[0]!.eventId });
      const stranger = tenantId === acme ? other : acme;
      expect((await ask("payment.webhooks.list", { about }, stranger)).data).toEqual([]);
      await expect(ask("payment.webhooks.get", { id: data[0]!.id }, stranger)).rejects.toMatchObject({ type: "PAYPAL_EVENT_NOT_FOUND" });
      await expect(ask("payment.webhooks.replay", { id: data[0]!.id }, stranger)).rejects.toMatchObject({ type: "PAYPAL_EVENT_NOT_FOUND" });
    }
  });

  it("is kept once and has one effect, though it comes twenty times at once and is replayed", async () => {
    const { id, paypalPaymentId } = await ask("payment.create", wish);
    simulator.inject({ operation: "webhook", kind: "drop", eventType: "CHECKOUT.ORDER.APPROVED" });
    simulator.approve(paypalPaymentId!);
    const approved = event("CHECKOUT.ORDER.APPROVED", { id: paypalPaymentId, status: "APPROVED" }, "checkout-order");
    const before = simulator.captures();
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(approved)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200));
    expect(answers.filter(({ data }) => data?.new).length).toBe(1);
    await isCaptured(id);
    await isIn(approved.id, "done");
    const [kept, ...more] = await rows<{ id: string }>(`select id from payment.webhook_inbox where event_id = $1`, [approved.id]);
    expect(more).toEqual([]);
    await ask("payment.webhooks.replay", { id: kept!.id });
    await isIn(approved.id, "done");
    expect(simulator.captures()).toBe(before + 1);
    const told = await rows<{ type: string }>(`select type from payment.events where stream = $1 order by version`, [`payment:${id}`]);
    expect(told.filter(({ type }) => type === "payment.captured").length).toBe(1);
  });

  it("is refused when it was not PayPal, kept nowhere, and told to the audit log once however often it is tried", async () => {
    const forged = event("PAYMENT.CAPTURE.COMPLETED", { id: "1AB" });
    const changed = JSON.stringify({ ...forged, resource: { id: "2AB" } });
    for (let time = 0; time < 5; time++)
      expect(await post(forged, { sent: changed })).toMatchObject({ status: 403, code: "PAYPAL_EVENT_FORGED" });
    const elsewhere = { "paypal-cert-url": "https://evil.example/v1/notifications/certs/CERT-1" };
    expect(await post(forged, { headers: elsewhere })).toMatchObject({ status: 403, code: "PAYPAL_EVENT_FORGED" });
    expect(await stateOf(forged.id)).toBeUndefined();
    // For a moment it is in both.
    const acts = `select id, act ->> 'action' as action from payment.acts union select id, action from auth.audit`;
    const seen = () => rows<{ action: string }>(`select action from (${acts}) a where action = 'paypal.event.forged'`);
    await until(async () => (await seen()).length > 0, "the act", 20_000);
    expect((await seen()).length).toBe(1);
  });

  it("is refused with a problem when it is no event, too large, or for no account", async () => {
    expect(await post("[1, 2]")).toMatchObject({ status: 400, code: "REQUEST_MALFORMED" });
    expect(await post("not JSON")).toMatchObject({ status: 400, code: "REQUEST_MALFORMED" });
    expect(await post(event("A", {}), { headers: { "paypal-transmission-id": "" } })).toMatchObject({
      status: 400,
      code: "REQUEST_MALFORMED",
    });
    expect(await post("x".repeat(300_000))).toMatchObject({ status: 413, code: "BODY_TOO_LARGE" });
    expect(await post(event("A", {}), { account: randomUUID() })).toMatchObject({ status: 404, code: "PAYPAL_ACCOUNT_NOT_FOUND" });
  });

  it("waits for a payment that is not there yet, belongs to its organisation once it is, and is never dropped", async () => {
    const [id, orderId] = [randomUUID(), `ORDER${Date.now()}`];
    const early = event("CHECKOUT.ORDER.APPROVED", { id: orderId }, "checkout-order");
    expect(await post(early)).toMatchObject({ status: 200 });
    await isIn(early.id, "waiting");
    expect(await stateOf(early.id)).toMatchObject({ tenant_id: platform, error_type: "UNMATCHED" });
    await database.admin.query(
      `insert into payment.payments (id, tenant_id, amount, amount_minor, currency, paypal_payment_id, status, failure_type) values ($1, $2, 5, 500, 'EUR', $3, 'pending', 'SPEC')`,
      [id, acme, orderId],
    );
    await letWait(early.id);
    await isIn(early.id, "done");
    expect(await stateOf(early.id)).toMatchObject({ tenant_id: acme });
  });

  it("ends among the dead when nothing comes for days, where it can be read and replayed", async () => {
    const lost = event("PAYMENT.CAPTURE.COMPLETED", { id: "1AB", custom_id: `${acme}:${randomUUID()}` });
    await post(lost);
    const triedTwice = () => until(async () => (await stateOf(lost.id))?.attempts === 2, "the second attempt", 20_000);
    await isIn(lost.id, "waiting");
    await letWait(lost.id);
    await triedTwice();
    await isIn(lost.id, "waiting");
    await database.admin.query(`update payment.webhook_inbox set attempts = 13 where event_id = $1`, [lost.id]);
    await letWait(lost.id);
    await isIn(lost.id, "dead");
    const { data } = await ask("payment.webhooks.list", { state: "dead" });
    expect(data).toMatchObject([{ eventId: lost.id, error: { type: "UNMATCHED" }, nextAttemptAt: null }]);
    expect(await ask("payment.webhooks.replay", { id: data[0]!.id })).toMatchObject({ state: "received", attempts: 0 });
    await isIn(lost.id, "waiting");
    await letWait(lost.id);
    await triedTwice();
  });

  it("of a type that nobody knows is kept and ignored", async () => {
    const unknown = event("CUSTOMER.ACCOUNT-LIMITATION.ADDED", { id: "X", custom_id: `${acme}:${randomUUID()}` }, "account");
    await post(unknown);
    await isIn(unknown.id, "ignored");
  });

  it("never arrived is found in PayPal's list, page by page, and dealt with like the rest", async () => {
    const since = new Date(Date.now() - 1_000).toISOString();
    const made = await Promise.all(Array.from({ length: 3 }, () => ask("payment.create", wish)));
    simulator.inject({ operation: "webhook", kind: "drop", eventType: "CHECKOUT.ORDER.APPROVED", times: 3 });
    for (const { paypalPaymentId } of made) simulator.approve(paypalPaymentId!);
    const operator = platform;
    const found = await ask("payment.webhooks.backfill", { since }, operator);
    expect(found.missed).toBeGreaterThanOrEqual(3);
    for (const { id } of made) await isCaptured(id);
    expect((await ask("payment.webhooks.backfill", { since: new Date(0).toISOString() }, operator)).listed).toBeGreaterThanOrEqual(
      found.listed,
    );
    const [later, earlier] = [new Date().toISOString(), since];
    await expect(ask("payment.webhooks.backfill", { since: later, until: earlier }, operator)).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: { faults: [{ pointer: "/since" }] },
    });
    await expect(ask("payment.webhooks.backfill", { since })).rejects.toMatchObject({ type: "PAYPAL_ACCOUNT_NOT_FOUND" });
  });

  it("through an organisation's own account concerns its own payments alone", async () => {
    const { id: account, fault } = await ask("payment.accounts.connect", { clientId: "theirs", clientSecret: "s" }, other);
    expect(fault).toBeNull();
    const { id, paypalPaymentId } = await ask("payment.create", wish);
    simulator.approve(paypalPaymentId!);
    const aboutUs = event("PAYMENT.CAPTURE.COMPLETED", { id: "1AB", custom_id: `${acme}:${id}` });
    expect(await post(aboutUs, { account })).toMatchObject({ status: 200 });
    await isIn(aboutUs.id, "ignored");
    expect(await stateOf(aboutUs.id)).toMatchObject({ tenant_id: other });
    const theirs = await ask("payment.create", wish, other);
    simulator.approve(theirs.paypalPaymentId!);
    await isCaptured(theirs.id, other);
    const { data } = await ask("payment.webhooks.list", { about: `payment:${theirs.id}` }, other);
    expect(data.every(({ accountId }) => accountId === account)).toBe(true);
  });
});
