import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { INTERNAL_MIDDLEWARES, ServiceBroker } from "moleculer";
import { bulkheadMiddleware } from "./bulkhead.middleware.ts";
import { callsMiddleware } from "./calls.middleware.ts";

let broker: ServiceBroker;
let running = 0;
let most = 0;
let open = () => {};
let gate = Promise.resolve();
const shut = () => {
  gate = new Promise((resolve) => (open = resolve));
};

async function work(fail: boolean): Promise<string> {
  most = Math.max(most, ++running);
  await gate;
  running--;
  if (fail) throw new Error("it fails");
  return "done";
}

beforeAll(async () => {
  const middlewares = INTERNAL_MIDDLEWARES.filter((name) => name !== "Bulkhead" && name !== "Metrics");
  broker = new ServiceBroker({
    logger: false,
    internalMiddlewares: false,
    middlewares: [bulkheadMiddleware(), ...middlewares, callsMiddleware()],
    bulkhead: { enabled: true, concurrency: 3, maxQueueSize: 4 },
    metrics: { enabled: true },
  });
  broker.createService({
    name: "desk",
    actions: {
      serve: (ctx: { params: { fail?: boolean } }) => work(ctx.params.fail ?? false),
      alone: { bulkhead: { concurrency: 1 }, handler: () => work(false) },
      free: () => "free",
    },
  } as never);
  await broker.start();
});
afterAll(() => broker.stop());

const serve = (fail = false) => broker.call<string, object>("desk.serve", { fail });
const metric = (name: string, labels: object) =>
  broker.metrics.getMetric(name)?.get(labels as never) as { value: number; count?: number } | null | undefined;
const waiting = () => metric("moleculer.request.bulkhead.queue.size", { action: "desk.serve", service: "desk" })!.value;

describe("the bulkhead", () => {
  it("lets no more calls of an action work than it may, keeps the next waiting, refuses the rest, and holds up no other action", async () => {
    most = 0;
    shut();
    const calls = Array.from({ length: 7 }, () => serve());
    await expect(serve()).rejects.toMatchObject({ name: "QueueIsFullError", code: 429, retryable: true });
    expect({ running, waiting: waiting() }).toEqual({ running: 3, waiting: 4 });
    expect(await broker.call("desk.free", {})).toBe("free");
    open();
    expect(await Promise.all(calls)).toEqual(Array(7).fill("done"));
    expect({ most, running, waiting: waiting() }).toEqual({ most: 3, running: 0, waiting: 0 });
  });

  it("gives the place of a call that failed to the next", async () => {
    shut();
    const calls = Array.from({ length: 7 }, (_, i) => serve(i < 5));
    open();
    const ended = await Promise.allSettled(calls);
    expect(ended.map(({ status }) => status)).toEqual([...Array<string>(5).fill("rejected"), "fulfilled", "fulfilled"]);
    expect(await serve()).toBe("done");
  });

  it("takes an action's own limit before the node's", async () => {
    most = 0;
    shut();
    const calls = Array.from({ length: 4 }, () => broker.call("desk.alone", {}));
    await sleep(5);
    open();
    await Promise.all(calls);
    expect(most).toBe(1);
  });
});

describe("the counting of calls", () => {
  it("enters calls, times and errors into the broker's metrics once a second", async () => {
    const labels = { service: "desk", action: "desk.serve", type: "local" };
    const value = (name: string, more = {}) => metric(name, { ...labels, ...more });
    const failures = { errorName: "Error", errorCode: 500, errorType: "" };
    for (let i = 0; i < 150 && !value("moleculer.request.error.total", failures); i++) await sleep(20);
    expect(value("moleculer.request.total")!.value).toBe(16);
    expect(value("moleculer.request.active")!.value).toBe(0);
    expect(value("moleculer.request.error.total", failures)!.value).toBe(5);
    expect(value("moleculer.request.time")).toMatchObject({ count: 16 });
  });
});
