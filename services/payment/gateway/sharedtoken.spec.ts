import { randomUUID } from "node:crypto";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { openRedis, type Redis } from "../../../mixins/redis.ts";
import { startPayPalSimulator, type Simulator } from "../simulator/server.ts";
import { paypalConnection, type PayPalConnection, type PayPalOptions } from "./connection.ts";
import { redisToken } from "./sharedtoken.ts";

const clusterSecret = "a secret that all nodes of this spec have";
const account = ["https://paypal.example", "client", "secret"];

describe("a token that nodes share", () => {
  let simulator: Simulator;
  let redis: Redis;
  const connections: PayPalConnection[] = [];
  beforeAll(async () => {
    simulator = await startPayPalSimulator();
  });
  afterAll(() => simulator?.close());
  beforeEach(async () => {
    redis = openRedis(process.env["REDIS_URL"] ?? "", `test-${randomUUID()}`);
    await redis.connect();
  });
  afterEach(() => {
    for (const connection of connections.splice(0)) connection.close();
    redis.disconnect();
  });

  const node = (shared = redisToken(redis, clusterSecret, account), of: Partial<PayPalOptions> = {}) => {
    const connection = paypalConnection({
      ...{ clientId: "client", clientSecret: "secret", url: simulator.url, timeoutMs: 5_000, sharedToken: shared },
      ...of,
    });
    connections.push(connection);
    return connection;
  };
  const ask = async (connection: PayPalConnection) =>
    (await connection.send({ method: "GET", path: "/v1/notifications/webhooks" }, (body) => body)).outcome;
  const asked = async (work: () => Promise<unknown>) => {
    const before = simulator.calls("token");
    await work();
    return simulator.calls("token") - before;
  };
  const atOnce = (nodes: PayPalConnection[]) => Promise.all(nodes.flatMap((one) => Array.from({ length: 10 }, () => ask(one))));

  it("is asked for once, however many nodes need their first at the same moment", async () => {
    const nodes = Array.from({ length: 5 }, () => node());
    expect(await asked(async () => expect(await atOnce(nodes)).toEqual(Array(50).fill("ok")))).toBe(1);
  });

  it("is taken over by a node that comes later", async () => {
    await ask(node());
    expect(await asked(() => ask(node()))).toBe(0);
  });

  it("is renewed once when it was revoked before its time, whichever nodes meet that", async () => {
    const nodes = Array.from({ length: 5 }, () => node());
    await atOnce(nodes);
    simulator.revokeTokens();
    expect(await asked(async () => expect(await atOnce(nodes)).toEqual(Array(50).fill("ok")))).toBe(1);
  });

  it("stands in Redis sealed: neither who reads it nor a cluster with another secret can use it", async () => {
    await ask(node());
    const prefix = redis.options.keyPrefix!;
    const [name] = (await redis.keys(`${prefix}paypal:token:*`)).filter((key) => !key.endsWith(":lock"));
    expect((await redis.getBuffer(name!.slice(prefix.length)))!.toString("latin1")).not.toMatch(/A21AA|token|secret/);
    expect(await asked(() => ask(node(redisToken(redis, "another cluster's secret", account))))).toBe(1);
  });

  it("is another one for another secret of the same client", async () => {
    await ask(node());
    expect(await asked(() => ask(node(redisToken(redis, clusterSecret, ["https://paypal.example", "client", "new"]))))).toBe(1);
  });

  it("is each node's own while Redis is away", async () => {
    redis.disconnect();
    const nodes = Array.from({ length: 3 }, () => node());
    expect(await asked(async () => expect(await atOnce(nodes)).toEqual(Array(30).fill("ok")))).toBe(3);
  });

  it("is asked for by another node when the one whose turn it was has died", async () => {
    const dead = redisToken(redis, clusterSecret, account);
    expect(await dead.lock()).toBe(true);
    const waiting = asked(() => ask(node()));
    await new Promise((resolve) => setTimeout(resolve, 200));
    // As if its lock had run out.
    await dead.unlock();
    expect(await waiting).toBe(1);
  });
});

describe("the rate of an account", () => {
  it("is silence for as long as a 429 asks, in which nothing is sent; another account goes on", async () => {
    const simulator = await startPayPalSimulator();
    const open = (clientId: string) => paypalConnection({ clientId, clientSecret: "s", url: simulator.url, timeoutMs: 5_000 });
    const [noisy, calm] = [open("noisy"), open("calm")];
    const ask = (of: PayPalConnection) => of.send({ method: "GET", path: "/v1/notifications/webhooks" }, (body) => body);
    try {
      simulator.inject({ operation: "webhooks.list", kind: "refuse", status: 429, retryAfter: 60, merchant: "noisy" });
      expect(await ask(noisy)).toMatchObject({ outcome: "unknown", httpStatus: 429, sent: true });
      const before = simulator.calls("webhooks.list");
      for (let time = 0; time < 10; time++) expect(await ask(noisy)).toMatchObject({ outcome: "unknown", sent: false });
      expect(simulator.calls("webhooks.list")).toBe(before);
      expect(await ask(calm)).toMatchObject({ outcome: "ok" });
    } finally {
      noisy.close();
      calm.close();
      await simulator.close();
    }
  });
});
