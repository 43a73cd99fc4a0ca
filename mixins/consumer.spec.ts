import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { connect, type NatsConnection } from "nats";
import { v7 as uuidv7 } from "uuid";
import { subjects, type DomainEvent } from "../config/events.ts";
import { serviceUrl } from "../config/orm.ts";
import { wayTo, type Way } from "../test/cut.ts";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { testNode, type TestNode } from "../test/node.ts";
import type { Database } from "./database.ts";
import type { DeadLetterView } from "./deadletters.ts";
import { appendEvent } from "./events.ts";
import { Relay } from "./relay.ts";

const backoffMs = [200, 400];
const silent = { info() {}, warn() {}, error() {}, debug() {} };
const other = randomUUID();

let world: TestDatabase;
let secret: string;
let node: TestNode;
let nats: NatsConnection;
let tenantId: string;
/** When the slow part was tried for an event, by its id. */
const tries = new Map<string, number[]>();
/** Events whose slow part fails. */
const broken = new Set<string>();

beforeAll(async () => {
  world = await testDatabase();
  node = await testNode(async () => {
    const { taker, takenTable } = await import("../test/taker.ts");
    await world.admin.query(takenTable);
    const work = ({ id }: DomainEvent) => {
      tries.set(id, [...(tries.get(id) ?? []), Date.now()]);
      return broken.has(id) ? Promise.reject(new Error("the receiver is down")) : Promise.resolve();
    };
    return [taker(work, backoffMs)];
  }, world);
  secret = (await import("../config/env.ts")).env.CLUSTER_SECRET;
  nats = await connect(await options());
});
afterAll(async () => {
  await nats?.close();
  await node?.stop();
  await world?.drop();
});
beforeEach(() => {
  tenantId = randomUUID();
});

async function options() {
  const { natsOptions } = await import("../config/nats.ts");
  const { env } = await import("../config/env.ts");
  return natsOptions(env, "consumer spec");
}

const happened = (): DomainEvent => {
  const data = { name: "Acme" };
  return { id: uuidv7(), tenantId, type: "organisation.created", stream: "organisation:1", version: 1, at: new Date().toISOString(), data };
};
const publish = (event: DomainEvent, messageId = event.id) =>
  nats.jetstream().publish(subjects(node.broker.namespace).event(tenantId, event.type), JSON.stringify(event), { msgID: messageId });

const takenOf = async ({ id }: DomainEvent) =>
  (await world.admin.query(`select 1 from notification.taken where event_id = $1`, [id])).rowCount;

async function until(what: string, done: () => boolean | Promise<boolean>, limitMs = 10_000): Promise<void> {
  for (const limit = Date.now() + limitMs; !(await done()); await sleep(20))
    if (Date.now() > limit) throw new Error(`not in time: ${what}`);
}

async function ask<T>(action: string, params: object, of = tenantId): Promise<T> {
  const { serviceClaim } = await import("./claim.ts");
  return await node.broker.call<T, object>(action, params, {
    meta: { claim: await serviceClaim(secret, "spec", of) },
  });
}

describe("a consumer of events", () => {
  it("changes nothing when an event comes a second time", async () => {
    const event = happened();
    // Another message id, as after the two minutes in which JetStream itself knows a repeat.
    for (const messageId of ["first", "second", "third"]) await publish(event, `${event.id} ${messageId}`);
    const last = happened();
    await publish(last);
    await until("the last event is taken", async () => (await takenOf(last)) === 1);
    await sleep(100);
    expect(await takenOf(event)).toBe(1);
  });

  it("tries an event again after growing waits when its handler failed, and takes it once", async () => {
    const event = happened();
    broken.add(event.id);
    await publish(event);
    await until("the second try", () => tries.get(event.id)?.length === 2);
    expect(await takenOf(event)).toBe(0);
    broken.delete(event.id);
    await until("it is taken", async () => (await takenOf(event)) === 1);
    const [first = 0, second = 0, third = 0] = tries.get(event.id)!;
    expect(second - first).toBeGreaterThanOrEqual(backoffMs[0]! - 5);
    expect(third - second).toBeGreaterThanOrEqual(backoffMs[1]! - 5);
    expect(await ask("taker.deadletters", {})).toEqual([]);
  });

  it("keeps what failed to the end as a dead letter, which stays while a replay fails and goes with one that succeeds", async () => {
    const event = happened();
    broken.add(event.id);
    await publish(event);
    const letters = () => ask<DeadLetterView[]>("taker.deadletters", {});
    await until("the dead letter stands", async () => (await letters()).length === 1);
    const [letter] = await letters();
    expect(letter).toMatchObject({ consumer: "taker", eventType: event.type, attempts: 3, errorMessage: "the receiver is down" });
    expect(tries.get(event.id)).toHaveLength(3);
    const { id } = letter!;
    expect(await ask("taker.deadletters", {}, other)).toEqual([]);
    await expect(ask("taker.replay", { id }, other)).rejects.toMatchObject({ code: 404 });
    await expect(ask("taker.replay", { id })).rejects.toThrow();
    expect(await letters()).toEqual([letter]);
    broken.delete(event.id);
    expect(await ask("taker.replay", { id })).toEqual({ replayed: true });
    expect(await takenOf(event)).toBe(1);
    expect(await letters()).toEqual([]);
    await expect(ask("taker.replay", { id })).rejects.toMatchObject({ code: 404 });
  });
});

describe("the relay", () => {
  let way: Way;
  let through: NatsConnection;
  let relay: Relay;
  let sync: Database;

  beforeAll(async () => {
    const [host, port] = nats.getServer().split(":");
    way = await wayTo(host!, Number(port));
    through = await connect({ ...(await options()), servers: way.host, ignoreClusterUpdates: true, reconnectTimeWait: 100 });
    sync = await world.open("sync");
    const url = serviceUrl("sync", undefined, world.url, secret);
    relay = new Relay(sync, through.jetstream(), node.broker.namespace, url, silent);
    await relay.start();
  });
  afterAll(async () => {
    await relay?.stop();
    await through?.close();
    await way?.close();
  });

  it("publishes every event once and in order, though NATS is away for a while", async () => {
    const count = 1_000;
    const stream = `assets:${randomUUID()}`;
    const append = async (from: number, to: number) => {
      for (let at = from; at < to; at += 50)
        await sync.tenant(tenantId, async (em) => {
          for (let i = at; i < at + 50; i++)
            await appendEvent(em, "sync", {
              tenantId,
              type: "asset.stored",
              stream,
              data: { jobId: String(i), analyse: false, assetIds: [] },
            });
        });
    };
    await append(0, 400);
    way.cut();
    await append(400, 700);
    await sleep(700);
    way.mend();
    await append(700, count);
    const left = async () => Number((await world.admin.query<{ n: string }>(`select count(*) as n from sync.outbox`)).rows[0]!.n);
    await until("the outbox is empty", async () => (await left()) === 0, 20_000);
    const { eventStream, event } = subjects(node.broker.namespace);
    const reader = await nats.jetstream().consumers.get(eventStream, { filterSubjects: event(tenantId, "asset.stored") });
    const versions: number[] = [];
    const messages = await reader.fetch({ max_messages: count + 10, expires: 2_000 });
    for await (const message of messages) {
      versions.push(message.json<DomainEvent>().version);
      if (versions.length >= count && message.info.pending === 0) break;
    }
    expect(versions).toEqual(Array.from({ length: count }, (_, i) => i + 1));
  });
});
