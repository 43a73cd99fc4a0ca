import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { Webhook } from "standardwebhooks";
import { v7 as uuidv7 } from "uuid";
import type { DomainEvent, EventType } from "../../config/events.ts";
import { rows, type Database } from "../../mixins/database.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { claimDue, record } from "./deliveries.ts";
import { openSender } from "./deliver.ts";
import { createEndpoint, removeEndpoint } from "./endpoints.ts";
import { fanOut } from "./fanout.ts";
import { listDeliveries, resend } from "./history.ts";
import { Receiver } from "./receiver.ts";
import type { Schedule } from "./schedule.ts";
import type { Topic } from "./topics.ts";
import { webhookDispatcher } from "./webhooks.ts";

const keys = localKeyRing(`test:${Buffer.alloc(32, 7).toString("base64")}`);
const silent = { info() {}, warn() {}, error() {}, debug() {} };
const secret = "a cursor secret of the suite, long enough";

let world: TestDatabase;
let db: Database;
let receiver: Receiver;
let tenant: string;
let running: (() => Promise<void>)[];

beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("notification");
});
afterAll(() => world.drop());
beforeEach(async () => {
  tenant = randomUUID();
  receiver = await new Receiver().start();
  running = [];
});
afterEach(async () => {
  for (const stop of running) await stop();
  await receiver.stop();
  await world.admin.query("delete from notification.webhook_deliveries; delete from notification.webhook_endpoints");
});

const endpoint = (events: Topic[] = ["*"], of = tenant, url = receiver.url) =>
  createEndpoint(db, keys, [receiver.place], of, { url, events });

function happened(type: EventType = "organisation.created", of = tenant): DomainEvent {
  const data = { name: `O'Hara? \\ "Söhne" ☃ ?` };
  return { id: uuidv7(), tenantId: of, type, stream: "organisation:1", version: 1, at: new Date().toISOString(), data };
}
const take = (event: DomainEvent) => db.tenant(event.tenantId, (em) => fanOut(em, event));
const emit = async (type?: EventType, of?: string) => {
  const event = happened(type, of);
  await take(event);
  return event;
};

/** A node: `schedule` waits 30 ms between four attempts unless said otherwise. */
async function node(schedule: Schedule = (attempts) => (attempts < 4 ? 30 : null), allow = [receiver.place], timeoutMs = 1000) {
  const sender = openSender(allow, { timeoutMs });
  const listenUrl = world.adminUrl;
  const dispatcher = webhookDispatcher({ database: db, listenUrl, keys, sender, schedule, log: silent });
  await dispatcher.start();
  const stop = async () => {
    await dispatcher.stop();
    await sender.close();
  };
  running.push(stop);
  return { stop };
}

async function until<T>(look: () => Promise<T | false | undefined> | T | false | undefined, ms = 6000): Promise<T> {
  const end = Date.now() + ms;
  for (;;) {
    const found = await look();
    if (found) return found;
    if (Date.now() > end) throw new Error(`not seen within ${ms} ms`);
    await sleep(15);
  }
}
const deliveriesOf = async (id: string, of = tenant) => (await listDeliveries(db, secret, of, { id })).data;
const ended = (id: string, status: string) => until(async () => (await deliveriesOf(id)).find((delivery) => delivery.status === status));
const eventsAbout = (deliveryId: string) =>
  db.tenant(tenant, (em) =>
    rows<{ type: string; data: object }>(em, `select type, data from notification.events where stream = ? order by version`, [
      `delivery:${deliveryId}`,
    ]),
  );

describe("webhooks", () => {
  it("arrive signed, at once, with type, timestamp and data, and leave an event", async () => {
    const { id, secret: whsec } = await endpoint();
    await node();
    const event = await emit();
    const committed = Date.now();
    const received = await until(() => receiver.received[0]);
    expect(received.at - committed).toBeLessThan(700);
    const body = new Webhook(whsec).verify(received.body, received.headers as Record<string, string>);
    expect(body).toEqual({ type: event.type, timestamp: event.at, data: event.data });
    expect(received.headers["webhook-id"]).toBe(event.id);
    const delivery = await ended(id, "delivered");
    expect(delivery).toMatchObject({ eventId: event.id, attempts: 1, lastStatus: 204, lastError: null, nextAttemptAt: null });
    expect(await eventsAbout(delivery.id)).toEqual([
      { type: "notification.delivered", data: { deliveryId: delivery.id, eventId: event.id, attempts: 1 } },
    ]);
  });

  it("wait for a receiver that is down and arrive once when it is up, under one id", async () => {
    const { id } = await endpoint();
    await receiver.stop();
    await node(() => 60);
    const event = await emit();
    await until(async () => ((await deliveriesOf(id))[0]?.attempts ?? 0) >= 2);
    expect((await deliveriesOf(id))[0]).toMatchObject({
      status: "pending",
      lastStatus: null,
      lastError: expect.stringContaining("ECONNREFUSED"),
    });
    await receiver.start();
    await ended(id, "delivered");
    await sleep(150);
    expect(receiver.received.map(({ headers }) => headers["webhook-id"])).toEqual([event.id]);
  });

  it("are tried again on schedule after a 500, with the receiver's Retry-After handed to it, and given up after the last", async () => {
    const { id } = await endpoint();
    const asked: [number, number | null][] = [];
    receiver.answer = (response, request) => response.writeHead(request === 1 ? 503 : 500, { "retry-after": "9" }).end("not now");
    await node((attempts, retryAfterMs) => {
      asked.push([attempts, retryAfterMs]);
      return attempts < 3 ? 20 : null;
    });
    const event = await emit();
    const delivery = await ended(id, "exhausted");
    expect(asked).toEqual([
      [1, 9000],
      [2, 9000],
      [3, 9000],
    ]);
    expect(receiver.received).toHaveLength(3);
    expect(new Set(receiver.received.map(({ headers }) => headers["webhook-id"]))).toEqual(new Set([event.id]));
    expect(delivery).toMatchObject({ attempts: 3, lastStatus: 500, lastError: "The receiver answered 500: not now" });
    expect(await eventsAbout(delivery.id)).toMatchObject([
      { type: "notification.exhausted", data: { attempts: 3, error: delivery.lastError } },
    ]);
  });

  it("end for good when the receiver answers 410: the endpoint is off, what waits for it ends, resending is refused", async () => {
    const { id } = await endpoint();
    receiver.answer = (response, request) => response.writeHead(request === 1 ? 500 : 410).end();
    await node((attempts) => (attempts < 4 ? 250 : null));
    await emit();
    await until(() => receiver.received[0]);
    await emit();
    await until(async () => (await deliveriesOf(id)).every(({ status }) => status === "exhausted"));
    const [second, first] = await deliveriesOf(id);
    expect(second).toMatchObject({ lastStatus: 410 });
    expect(first).toMatchObject({ lastStatus: null, lastError: expect.stringContaining("turned off") });
    expect(receiver.received).toHaveLength(2);
    await emit();
    expect(await deliveriesOf(id)).toHaveLength(2);
    await expect(resend(db, tenant, first!.id)).rejects.toMatchObject({ type: "CONFLICT" });
  });

  it("of one tenant are never heard of by another, who can't list or resend them either", async () => {
    const other = randomUUID();
    const mine = await endpoint();
    const theirs = await endpoint(["*"], other);
    await node();
    await emit();
    const delivery = await ended(mine.id, "delivered");
    expect(receiver.received).toHaveLength(1);
    expect(await deliveriesOf(theirs.id, other)).toEqual([]);
    await expect(listDeliveries(db, secret, other, { id: mine.id })).rejects.toMatchObject({ type: "NOT_FOUND" });
    await expect(resend(db, other, delivery.id)).rejects.toMatchObject({ type: "NOT_FOUND" });
    await expect(removeEndpoint(db, other, mine.id)).rejects.toMatchObject({ type: "NOT_FOUND" });
  });

  it("are written once, however often the event is taken", async () => {
    const { id } = await endpoint();
    const event = happened();
    await Promise.all([take(event), take(event), take(event)]);
    expect(await deliveriesOf(id)).toHaveLength(1);
  });

  it("go to the endpoints that asked for the type; those about deliveries only to who names them, and make no further ones", async () => {
    const all = await endpoint(["*"]);
    const named = await endpoint(["notification.delivered", "payment.captured"]);
    await emit("sync.job.completed");
    await emit("notification.delivered");
    expect((await deliveriesOf(all.id)).map(({ eventType }) => eventType)).toEqual(["sync.job.completed"]);
    expect((await deliveriesOf(named.id)).map(({ eventType }) => eventType)).toEqual(["notification.delivered"]);
    await node();
    const about = await ended(named.id, "delivered");
    expect(await eventsAbout(about.id)).toEqual([]);
  });

  it("claimed by a node that was killed are sent by another when the claim has run out, and not before", async () => {
    const { id } = await endpoint();
    await emit();
    const dead = await db.system((em) => claimDue(em, 10, 4, new Map(), 900));
    expect(dead).toHaveLength(1);
    await node();
    await sleep(300);
    expect(receiver.received).toHaveLength(0);
    expect(await ended(id, "delivered")).toMatchObject({ attempts: 2 });
    // The first node was not dead but asleep: what it says now changes nothing.
    const late = { ok: false, status: 500, retryAfterMs: null, error: "late" };
    await db.tenant(tenant, (em) => record(em, dead[0]!, late, () => 0));
    expect((await deliveriesOf(id))[0]).toMatchObject({ status: "delivered", lastError: null });
  });

  it("are attempted by one node at a time when several look", async () => {
    const { id } = await endpoint();
    receiver.answer = (response) => void setTimeout(() => response.writeHead(200).end(), 20);
    await node();
    await node();
    for (let i = 0; i < 25; i++) await emit();
    await until(async () => (await deliveriesOf(id)).filter(({ status }) => status === "delivered").length === 25);
    expect(receiver.received).toHaveLength(25);
  });

  it("for a slow receiver don't hold up those for others", async () => {
    const slow = await new Receiver().start();
    slow.answer = () => {};
    try {
      await createEndpoint(db, keys, [slow.place], tenant, { url: slow.url, events: ["sync.job.created"] });
      const quick = await endpoint(["sync.job.completed"]);
      for (let i = 0; i < 60; i++) await emit("sync.job.created");
      await node(() => 60_000, [receiver.place, slow.place], 1500);
      await until(() => slow.received.length >= 4);
      await emit("sync.job.completed");
      await ended(quick.id, "delivered");
      expect(slow.received).toHaveLength(4);
    } finally {
      await running[0]?.();
      await slow.stop();
    }
  });

  it("in flight when the node stops are handed back, their attempt not counted", async () => {
    const { id } = await endpoint();
    receiver.answer = () => {};
    const first = await node(() => 0, [receiver.place], 30_000);
    await emit();
    await until(() => receiver.received[0]);
    await first.stop();
    expect((await deliveriesOf(id))[0]).toMatchObject({ status: "pending", attempts: 0 });
    receiver.answer = (response) => response.end();
    await node();
    expect(await ended(id, "delivered")).toMatchObject({ attempts: 1 });
  });

  it("can be sent again under the same id, and are gone with their endpoint", async () => {
    const { id } = await endpoint();
    await node();
    const event = await emit();
    const delivery = await ended(id, "delivered");
    expect(await resend(db, tenant, delivery.id)).toMatchObject({ status: "pending", attempts: 0 });
    await until(() => receiver.received[1]);
    expect(receiver.received[1]!.headers["webhook-id"]).toBe(event.id);
    await ended(id, "delivered");
    await removeEndpoint(db, tenant, id);
    await expect(listDeliveries(db, secret, tenant, { id })).rejects.toMatchObject({ type: "NOT_FOUND" });
    await expect(resend(db, tenant, delivery.id)).rejects.toMatchObject({ type: "NOT_FOUND" });
  });
});
