import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { startPayPalSimulator, type Simulator } from "../simulator/server.ts";
import { paypalConnection, type PayPalConnection, type PayPalOptions } from "./connection.ts";
import { gatewayContract, someOrder } from "./contract.ts";
import type { Gateway } from "./gateway.ts";
import { paypalGateway } from "./paypal.ts";

const credentials = { clientId: "client", clientSecret: "secret" };

gatewayContract("PayPal's SDK against the simulator", async () => {
  const simulator = await startPayPalSimulator({ credentials });
  const connection = paypalConnection({ ...credentials, url: simulator.url });
  const gateway = paypalGateway(connection);
  return {
    gateway,
    approve: (orderId) => void simulator.approve(orderId),
    stop: () => {
      connection.close();
      return simulator.close();
    },
  };
});

describe("PayPal's SDK in bad weather", () => {
  let simulator: Simulator;
  const connections: PayPalConnection[] = [];
  const open = (of: Partial<PayPalOptions> = {}) => {
    const connection = paypalConnection({ ...credentials, url: simulator.url, timeoutMs: 300, ...of });
    connections.push(connection);
    return paypalGateway(connection);
  };
  beforeEach(async () => {
    simulator = await startPayPalSimulator({ credentials });
  });
  afterEach(async () => {
    for (const connection of connections.splice(0)) connection.close();
    await simulator.close();
  });
  const create = (gateway: Gateway) => gateway.createOrder(someOrder(), randomUUID());
  const approved = async (gateway: Gateway) => {
    const created = await create(gateway);
    if (created.outcome !== "ok") throw new Error(JSON.stringify(created));
    simulator.approve(created.value.id);
    return created.value.id;
  };

  it("asks for one token when twenty calls need their first", async () => {
    const gateway = open({ timeoutMs: 5_000 });
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(gateway)));
    expect(answers.map(({ outcome }) => outcome)).toEqual(Array(20).fill("ok"));
    expect(simulator.calls("token")).toBe(1);
  });

  it("renews a revoked token once for all calls that met it", async () => {
    const gateway = open({ timeoutMs: 5_000 });
    await create(gateway);
    simulator.revokeTokens();
    const answers = await Promise.all(Array.from({ length: 20 }, () => create(gateway)));
    expect(answers.every(({ outcome }) => outcome === "ok")).toBe(true);
    expect(simulator.calls("token")).toBe(2);
  });

  it("works again right after a failed token request, having sent nothing in between", async () => {
    const gateway = open();
    simulator.inject({ operation: "token", kind: "refuse", status: 503 });
    expect(await create(gateway)).toMatchObject({ outcome: "unknown", sent: false });
    expect(simulator.calls("orders.create")).toBe(0);
    expect(await create(gateway)).toMatchObject({ outcome: "ok" });
  });

  it("says that refused credentials sent nothing", async () => {
    const answer = await create(open({ clientSecret: "wrong" }));
    expect(answer).toMatchObject({
      outcome: "unknown",
      sent: false,
      reason: "PayPal refused the client credentials with 401 (invalid_client).",
    });
  });

  it.each(["hang", "reset", "empty"] as const)("calls a capture whose answer is lost (%s) unknown, and a look finds it", async (kind) => {
    const gateway = open();
    const id = await approved(gateway);
    simulator.inject({ operation: "orders.capture", kind });
    const lost = await gateway.captureOrder(id, `${id}:1`);
    expect(lost).toMatchObject({ outcome: "unknown", sent: true });
    expect(await gateway.getOrder(id)).toMatchObject({
      outcome: "ok",
      value: { status: "COMPLETED", captures: [{ status: "COMPLETED" }] },
    });
    expect(await gateway.captureOrder(id, `${id}:1`)).toMatchObject({ outcome: "ok" });
    expect(simulator.captures()).toBe(1);
  });

  it("takes a success that the SDK throws away because a field is missing for the success it is", async () => {
    const gateway = open();
    const id = await approved(gateway);
    simulator.inject({ operation: "orders.capture", kind: "strip" });
    expect(await gateway.captureOrder(id, `${id}:1`)).toMatchObject({
      outcome: "ok",
      httpStatus: 201,
      value: { status: "COMPLETED", captures: [{ status: "COMPLETED", amount: null }] },
    });
  });

  it.each([429, 409, 500, 503])("leaves the outcome of a %i unknown", async (status) => {
    const gateway = open();
    const id = await approved(gateway);
    simulator.inject({ operation: "orders.capture", kind: "refuse", status });
    expect(await gateway.captureOrder(id, `${id}:1`)).toMatchObject({ outcome: "unknown", sent: true, httpStatus: status });
  });

  it("passes PayPal's refusal on by its issue, the SDK's empty message notwithstanding", async () => {
    const gateway = open();
    const id = await approved(gateway);
    simulator.inject({ operation: "orders.capture", kind: "refuse", status: 422, issue: "INSTRUMENT_DECLINED" });
    expect(await gateway.captureOrder(id, `${id}:1`)).toMatchObject({ outcome: "refused", issue: "INSTRUMENT_DECLINED", httpStatus: 422 });
  });

  it("opens its breaker on outages alone: refusals keep it closed, and an open one sends nothing", async () => {
    const gateway = open({ breaker: { volumeThreshold: 3 } });
    const id = await approved(gateway);
    simulator.inject({ operation: "orders.capture", kind: "refuse", status: 422, issue: "INSTRUMENT_DECLINED", times: 10 });
    for (let time = 0; time < 10; time++) expect(await gateway.captureOrder(id, `${id}:1`)).toMatchObject({ outcome: "refused" });
    simulator.inject({ operation: "orders.get", kind: "refuse", status: 503, times: 100 });
    for (let time = 0; time < 14; time++) await gateway.getOrder(id);
    const asked = simulator.calls("orders.get");
    expect(await gateway.getOrder(id)).toMatchObject({ outcome: "unknown", sent: false, reason: "Breaker is open" });
    expect(simulator.calls("orders.get")).toBe(asked);
  });

  it("calls a server that is not there unknown", async () => {
    const gateway = open();
    await create(gateway);
    await simulator.close();
    expect(await create(gateway)).toMatchObject({ outcome: "unknown" });
  });

  describe("endpoints that the SDK lacks", () => {
    const read = (body: unknown) => (body as { id?: string } | null)?.id ?? null;

    it("are reached with the same token, and tell what they answered", async () => {
      const connection = paypalConnection({ ...credentials, url: simulator.url, timeoutMs: 5_000 });
      connections.push(connection);
      const id = await approved(paypalGateway(connection));
      expect(await connection.send({ method: "GET", path: `/v2/checkout/orders/${id}` }, read)).toMatchObject({ outcome: "ok", value: id });
      const capture = { method: "POST", path: `/v2/checkout/orders/${id}/capture`, requestId: `${id}:raw`, body: {} } as const;
      expect(await connection.send({ ...capture, prefer: "return=representation" }, (body) => body)).toMatchObject({
        outcome: "ok",
        httpStatus: 201,
        value: { purchase_units: [{ payments: { captures: [{ status: "COMPLETED" }] } }] },
      });
      expect(await connection.send({ ...capture, requestId: `${id}:other` }, read)).toMatchObject({
        outcome: "refused",
        issue: "ORDER_ALREADY_CAPTURED",
        httpStatus: 422,
      });
      expect(simulator.calls("token")).toBe(1);
    });

    it("leave it unknown when nothing comes back", async () => {
      const connection = paypalConnection({ ...credentials, url: simulator.url, timeoutMs: 300 });
      connections.push(connection);
      simulator.inject({ operation: "orders.get", kind: "hang" });
      expect(await connection.send({ method: "GET", path: "/v2/checkout/orders/ABC" }, read)).toMatchObject({
        outcome: "unknown",
        sent: true,
      });
    });
  });
});
