import { randomBytes, randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { connect, type NatsConnection } from "nats";
import { env } from "../config/env.ts";
import { errors } from "../config/errors.ts";
import { natsOptions } from "../config/nats.ts";
import { serviceUrl } from "../config/orm.ts";
import { median } from "../test/median.ts";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { deleteStreams } from "../test/streams.ts";
import type { ActorKind, Queue } from "./actor.ts";
import type { Database } from "./database.ts";
import { tell, unattendedActors } from "./mailbox.ts";
import { Relay } from "./relay.ts";
import { ActorRunner } from "./runner.ts";
import { ensureStreams } from "./stream.ts";

const namespace = `test-${randomBytes(6).toString("hex")}`;
const tenantId = randomUUID();
const silent = { info() {}, warn() {}, error() {}, debug() {} };

let world: TestDatabase;
let db: Database;
let nats: NatsConnection;
let relay: Relay;
let runners: ActorRunner[] = [];

beforeAll(async () => {
  world = await testDatabase();
  db = await world.open("sync");
  nats = await connect(natsOptions(env, namespace));
  await ensureStreams(nats, namespace);
  relay = new Relay(db, nats.jetstream(), namespace, serviceUrl("sync", undefined, world.url, env.CLUSTER_SECRET), silent);
  await relay.start();
});
afterEach(async () => {
  await Promise.all(runners.map((runner) => runner.stop()));
  runners = [];
});
afterAll(async () => {
  await relay?.stop();
  await nats?.close();
  await deleteStreams(namespace);
  await world?.drop();
});

async function start(kind: ActorKind, owner = "here"): Promise<void> {
  const runner = new ActorRunner(db, kind, owner, silent);
  runners.push(runner);
  await runner.start(nats, namespace);
}

let letters = 0;
const send = (kind: string, key: string, ...types: string[]) =>
  db.tenant(tenantId, async (em) => {
    for (const type of types) await tell(em, "sync", { tenantId, kind, key, messageId: `${key}:${++letters}`, type });
  });

async function until(what: string, holds: () => boolean | Promise<boolean>, limitMs = 5_000): Promise<void> {
  for (const limit = Date.now() + limitMs; !(await holds()); await sleep(10))
    if (Date.now() > limit) throw new Error(`${what} did not happen within ${limitMs} ms`);
}

const pending = async (key: string) =>
  (
    await world.admin.query<{ type: string; attempts: number }>(
      `select type, attempts from sync.actor_messages where key = $1 and done_at is null order by id`,
      [key],
    )
  ).rows;

/** An actor whose "run" goes on until it is let go, interrupted or crowded out, and that tells what it does. */
function runner(kind: string, slots: number, more: Partial<ActorKind> = {}) {
  const told: string[] = [];
  const free = new Set<string>();
  const actor: ActorKind = {
    kind,
    slots,
    quick: ["pause"],
    async receive({ type }, lease) {
      told.push(`${lease.key} ${type}`);
      if (type !== "run") return;
      while (!free.has(lease.key)) {
        if ((await lease.waiting()).includes("pause")) return;
        if (lease.crowded()) throw errors.yielded("Others wait.");
        await sleep(10, undefined, { signal: lease.signal });
      }
    },
    giveUp: () => Promise.resolve(),
    ...more,
  };
  return { actor, told, free };
}

describe("a node whose slots are all taken", () => {
  it("handles quick letters of actors at rest at once, and what follows them when there is a slot", async () => {
    const { actor, told, free } = runner("busy", 1);
    await start(actor);
    await send("busy", "first", "run");
    await until("the first run", () => told.includes("first run"));
    await send("busy", "second", "run");
    await send("busy", "third", "run", "pause", "run");
    await until("the pause of what waits", () => told.includes("third pause"), 900);
    await sleep(300);
    expect(told).toEqual(["first run", "third run", "third pause"]);
    expect(await pending("third")).toEqual([{ type: "run", attempts: 0 }]);
    for (const key of ["first", "second", "third"]) free.add(key);
    await until("the end of all", () => told.length === 5);
    expect(told.slice(3).sort()).toEqual(["second run", "third run"]);
  });

  it("tells a run to make room, which goes on later on whichever node has a slot, and counts no start for it", async () => {
    let wanted: string[] = ["patient", "favourite"];
    const left: string[] = [];
    const queue: Queue = {
      choose: async (em) => {
        const waiting = await unattendedActors(em, "sync", "fair", 10);
        return wanted.filter((key) => waiting.includes(key));
      },
      crowded: (_em, held) => Promise.resolve(new Set(held.map(({ key }) => key).filter((key) => key !== wanted[0]))),
      left: (_em, { key }) => Promise.resolve(void left.push(key)),
    };
    const { actor, told, free } = runner("fair", 1, { queue });
    await start(actor);
    await send("fair", "patient", "run");
    await until("the first run", () => told.length === 1);
    wanted = ["favourite", "patient"];
    await send("fair", "favourite", "run");
    await until("the favourite's run", () => told.length === 2, 1_500);
    expect(told).toEqual(["patient run", "favourite run"]);
    expect(left).toEqual(["patient"]);
    expect(await pending("patient")).toEqual([{ type: "run", attempts: 0 }]);
    free.add("favourite").add("patient");
    await until("the end of both", async () => !(await pending("patient")).length);
    expect(told).toEqual(["patient run", "favourite run", "patient run"]);
    await until("the last slot's return", () => left.length === 3);
    expect(left).toEqual(["patient", "favourite", "patient"]);
  });

  it("leaves new work to a node with room at once", async () => {
    const full = runner("shared", 1);
    const roomy = runner("shared", 1);
    await start(full.actor, "full");
    await send("shared", "long", "run");
    await until("the long run", () => full.told.length === 1);
    await start(roomy.actor, "roomy");
    const waits: number[] = [];
    for (let i = 0; i < 9; i++) {
      const key = `short ${i}`;
      roomy.free.add(key);
      const before = Date.now();
      await send("shared", key, "run");
      await until("the short run", async () => !(await pending(key)).length);
      waits.push(Date.now() - before);
    }
    // Half a second is the mean wait for the next look: it was a bell that all nodes heard, even if a busy machine made some of them late.
    expect(median(waits)).toBeLessThan(400);
    expect(roomy.told).toHaveLength(9);
    full.free.add("long");
  });
});
