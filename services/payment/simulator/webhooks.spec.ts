import { randomUUID, verify, X509Certificate } from "node:crypto";
import { readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { type Delivered, openListener, openShop } from "./shop.ts";
import { startPayPalSimulator, type Simulator } from "./server.ts";

describe("the simulator's webhooks", () => {
  const record = join(tmpdir(), `exchanges-${randomUUID()}.jsonl`);
  let simulator: Simulator;
  let listener: Awaited<ReturnType<typeof openListener>>;
  let shop: ReturnType<typeof openShop>;
  let webhookId: string;
  beforeAll(async () => {
    simulator = await startPayPalSimulator({ record, webhookTries: [0, 10] });
  });
  beforeEach(async () => {
    await listener?.close();
    [listener, shop] = [await openListener(), openShop(simulator)];
    const { body } = await shop.ask("POST /v1/notifications/webhooks", { url: listener.url, event_types: [{ name: "*" }] });
    webhookId = body.id;
  });
  afterAll(async () => {
    await simulator.close();
    await listener.close();
    rmSync(record);
  });

  const signedText = ({ headers, text }: Delivered) =>
    [headers["paypal-transmission-id"], headers["paypal-transmission-time"], webhookId, crc32(text)].join("|");
  const inRequest = ({ headers, text }: Delivered, event = text) =>
    `{"auth_algo": "${headers["paypal-auth-algo"]}", "cert_url": "${headers["paypal-cert-url"]}", "transmission_id": "${headers["paypal-transmission-id"]}",
      "transmission_sig": "${headers["paypal-transmission-sig"]}", "transmission_time": "${headers["paypal-transmission-time"]}",
      "webhook_event": ${event}, "webhook_id": "${webhookId}"}`;
  const verdict = async (request: string) =>
    (await shop.ask<{ verification_status: string }>("POST /v1/notifications/verify-webhook-signature", request)).body.verification_status;

  it("are signed as PayPal signs them, by a certificate whose chain ends at the simulator's root", async () => {
    await shop.approved();
    const [delivered] = await listener.until(1);
    const chain = await (await fetch(delivered!.headers["paypal-cert-url"]!)).text();
    const [leaf, authority] = chain.split(/(?<=-----END CERTIFICATE-----\n)/).map((pem) => new X509Certificate(pem));
    const root = new X509Certificate(await (await fetch(`${simulator.url}/simulator/root.pem`)).text());
    expect(root.toString()).toBe(simulator.trustRoot);
    expect(leaf!.checkIssued(authority!) && leaf!.verify(authority!.publicKey)).toBe(true);
    expect(authority!.ca && authority!.checkIssued(root) && authority!.verify(root.publicKey)).toBe(true);
    expect(leaf!.ca).toBe(false);
    expect(leaf!.checkHost("messageverificationcerts.sandbox.paypal.com")).toBeDefined();
    expect(leaf!.subject).toBe("CN=messageverificationcerts.sandbox.paypal.com");
    const signature = Buffer.from(delivered!.headers["paypal-transmission-sig"]!, "base64");
    expect(verify("sha256", Buffer.from(signedText(delivered!)), leaf!.publicKey, signature)).toBe(true);
    expect(delivered).toMatchObject({ event_type: "CHECKOUT.ORDER.APPROVED", resource: { intent: "CAPTURE", status: "APPROVED" } });
  });

  it("are confirmed by the verify endpoint byte for byte only", async () => {
    await shop.approved();
    const [delivered] = await listener.until(1);
    expect(await verdict(inRequest(delivered!))).toBe("SUCCESS");
    expect(await verdict(inRequest(delivered!, JSON.stringify(JSON.parse(delivered!.text), null, 1)))).toBe("FAILURE");
    expect(await verdict(inRequest(delivered!, delivered!.text.replace("APPROVED", "CREATED")))).toBe("FAILURE");
  });

  it("tell of captures and refunds, each with its own amount and the sum of all refunds", async () => {
    const captureId = await shop.captured("10.00");
    const refund = (value: string) => shop.payments.refundCapturedPayment({ captureId, body: { amount: { currencyCode: "EUR", value } } });
    await refund("2.00");
    await refund("3.00");
    simulator.tell(`captures/${captureId}/reverse`);
    await listener.until(6);
    expect(listener.types().sort()).toEqual(
      ["CHECKOUT.ORDER.APPROVED", "CHECKOUT.ORDER.COMPLETED", "PAYMENT.CAPTURE.COMPLETED", "PAYMENT.CAPTURE.REFUNDED"]
        .concat("PAYMENT.CAPTURE.REFUNDED", "PAYMENT.CAPTURE.REVERSED")
        .sort(),
    );
    const refunds = listener.arrived.filter(({ event_type }) => event_type === "PAYMENT.CAPTURE.REFUNDED");
    const told = refunds.map(({ resource }) => resource as { amount: object; seller_payable_breakdown: { total_refunded_amount: object } });
    expect(told.map((one) => [one.amount, one.seller_payable_breakdown.total_refunded_amount])).toEqual(
      expect.arrayContaining([
        [
          { currency_code: "EUR", value: "3.00" },
          { currency_code: "EUR", value: "5.00" },
        ],
      ]),
    );
  });

  it("go to the webhook's own merchant alone, and only of the types it asked for", async () => {
    const other = openShop(simulator);
    const theirs = await openListener();
    await other.ask("POST /v1/notifications/webhooks", { url: theirs.url, event_types: [{ name: "PAYMENT.CAPTURE.COMPLETED" }] });
    await shop.approved();
    await other.captured();
    await theirs.until(1);
    await listener.until(1);
    expect([theirs.types(), listener.types()]).toEqual([["PAYMENT.CAPTURE.COMPLETED"], ["CHECKOUT.ORDER.APPROVED"]]);
    await theirs.close();
  });

  it("are dropped, doubled and reordered as a fault wants it, and a dropped one can be sent again", async () => {
    const event = { operation: "webhook", merchant: shop.clientId } as const;
    simulator.inject({ ...event, kind: "drop", eventType: "CHECKOUT.*", times: 2 });
    simulator.inject({ ...event, kind: "duplicate", eventType: "PAYMENT.CAPTURE.COMPLETED", copies: 3 });
    await shop.captured();
    await listener.until(3);
    expect(new Set(listener.arrived.map(({ id }) => id)).size).toBe(1);
    expect(new Set(listener.arrived.map(({ headers }) => headers["paypal-transmission-id"])).size).toBe(3);

    simulator.inject({ ...event, kind: "reorder" });
    const [first, second] = [await shop.approved(), await shop.approved()];
    await listener.until(5);
    expect(listener.arrived.slice(3).map(({ resource }) => resource["id"])).toEqual([second, first]);

    const path = "/v1/notifications/webhooks-events";
    const { body } = await shop.ask<{ events: { id: string }[] }>(`GET ${path}?event_type=CHECKOUT.ORDER.COMPLETED`);
    expect(body.events).toHaveLength(1);
    expect((await shop.ask(`POST ${path}/${body.events[0]!.id}/resend`, { webhook_ids: [webhookId] })).status).toBe(202);
    await listener.until(6);
    expect(listener.arrived[5]!.id).toBe(body.events[0]!.id);
    expect((await openShop(simulator).ask(`POST ${path}/${body.events[0]!.id}/resend`, {})).status).toBe(404);
  });

  it("are tried again until somebody answers 2xx", async () => {
    listener.answers.push(500);
    await shop.approved();
    const [first, second] = await listener.until(2);
    expect(second!.id).toBe(first!.id);
  });

  it("never verify when they are only simulated", async () => {
    const wish = { webhook_id: webhookId, event_type: "PAYMENT.CAPTURE.COMPLETED" };
    expect((await shop.ask("POST /v1/notifications/simulate-event", wish)).status).toBe(202);
    const [delivered] = await listener.until(1);
    expect(await verdict(inRequest(delivered!))).toBe("FAILURE");
  });

  it("are registered, listed, changed and deleted", async () => {
    const path = "/v1/notifications/webhooks";
    expect((await shop.ask(`POST ${path}`, { url: listener.url, event_types: [{ name: "*" }] })).body.details[0]!.issue).toBe(
      "WEBHOOK_URL_ALREADY_EXISTS",
    );
    const change = [{ op: "replace", path: "/event_types", value: [{ name: "PAYMENT.SALE.COMPLETED" }] }];
    expect((await shop.ask(`PATCH ${path}/${webhookId}`, change)).status).toBe(200);
    const { body } = await shop.ask<{ webhooks: object[] }>(`GET ${path}`);
    expect(body.webhooks).toMatchObject([{ id: webhookId, url: listener.url, event_types: [{ name: "PAYMENT.SALE.COMPLETED" }] }]);
    expect((await shop.ask(`DELETE ${path}/${webhookId}`)).status).toBe(204);
    expect((await shop.ask(`GET ${path}/${webhookId}`)).status).toBe(404);
  });

  it("and every other exchange are recorded, secrets masked", async () => {
    await shop.approved();
    await listener.until(1);
    const text = readFileSync(record, "utf8");
    const lines = text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as { direction: string; method: string; path: string; status: number });
    expect(lines).toContainEqual(expect.objectContaining({ direction: "in", method: "POST", path: "/v2/checkout/orders", status: 201 }));
    expect(lines.some(({ direction }) => direction === "out")).toBe(true);
    for (const secret of [/A21AA/, /Bearer \w/, /Basic \w/]) expect(text.search(secret)).toBe(-1);
  });
});
