import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Context, ServiceSchema } from "moleculer";
import { strict, uuid } from "../../config/action.ts";
import { subjects, type EventType } from "../../config/events.ts";
import type { Meta } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import { testEdge, until, type TestEdge } from "../../test/edge.ts";

const mine = "11111111-1111-4111-8111-111111111111";
const theirs = "22222222-2222-4222-8222-222222222222";
const jobId = "33333333-3333-4333-8333-333333333333";

let world: TestEdge;
let token: string;
let count = 0;

const behind = (): ServiceSchema[] => [
  {
    name: "sync.jobs",
    actions: {
      get: {
        description: "Knows one job.",
        permission: "sync:read",
        params: strict({ id: uuid("The job.") }),
        handler(ctx: Context<{ id: string }, Meta>) {
          if (ctx.params.id !== jobId) throw errors.jobNotFound("There is no such job.");
          return { id: jobId, createdAt: new Date(Date.now() - 60_000).toISOString() };
        },
      },
    },
  } as unknown as ServiceSchema,
];

const publish = async (tenantId: string, type: EventType, stream: string, data: object = {}) => {
  const version = ++count;
  const event = { id: `e${version}`, tenantId, type, stream, version, at: new Date().toISOString(), data };
  return (await world.nats.jetstream().publish(subjects(world.namespace).event(tenantId, type), JSON.stringify(event))).seq;
};

interface Seen {
  id: number;
  event: string;
  data: { version: number; tenantId: string; stream: string; after?: number; first?: number };
}

/** A client of an event stream that keeps what it has seen. */
async function listen(path: string, headers: Record<string, string> = {}, bearer = token) {
  const abort = new AbortController();
  const response = await fetch(world.url + path, { headers: { authorization: `Bearer ${bearer}`, ...headers }, signal: abort.signal });
  const seen: Seen[] = [];
  const retries: number[] = [];
  let text = "";
  let ended = false;
  const reading = (async () => {
    for await (const chunk of response.body ?? []) {
      text += Buffer.from(chunk as Uint8Array).toString();
      const frames = text.split("\n\n");
      text = frames.pop()!;
      for (const frame of frames) {
        const fields = Object.fromEntries(
          frame.split("\n").map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(": ") + 2)]),
        );
        if (fields["data"])
          seen.push({ id: Number(fields["id"]), event: fields["event"]!, data: JSON.parse(fields["data"]) as Seen["data"] });
        else if (fields["retry"]) retries.push(Number(fields["retry"]));
      }
    }
  })()
    .catch(() => {})
    .finally(() => (ended = true));
  return {
    response,
    seen,
    retries,
    versions: () => seen.map(({ data }) => data.version),
    isEnded: () => ended,
    reading,
    close: () => abort.abort(),
  };
}

beforeAll(async () => {
  world = await testEdge(behind, { LOG_LEVEL: "fatal" });
  token = await world.claim(mine, ["events:read", "sync:read"]);
  await world.edge.waitForServices("sync.jobs");
});
afterAll(async () => await world.stop());

describe("the organisation's event stream", () => {
  it("brings events as they happen, and none of another organisation", async () => {
    const client = await listen("/api/v1/events");
    expect(client.response.headers.get("content-type")).toBe("text/event-stream; charset=utf-8");
    const other = await listen("/api/v1/events", {}, await world.claim(theirs, ["events:read"]));
    await publish(theirs, "payment.created", "payment:1");
    const seq = await publish(mine, "payment.created", "payment:2");
    await until(async () => Promise.resolve(client.seen.length > 0 && other.seen.length > 0), "both events");
    expect(client.seen).toMatchObject([{ id: seq, event: "payment.created", data: { tenantId: mine, stream: "payment:2" } }]);
    expect(other.seen).toMatchObject([{ data: { tenantId: theirs } }]);
    client.close();
    other.close();
  });

  it("resumes after Last-Event-ID and misses nothing, also while events pour in", async () => {
    const first = await publish(mine, "payment.created", "payment:3");
    const expected: number[] = [];
    for (let i = 0; i < 450; i++) {
      await publish(i % 3 ? mine : theirs, "payment.approved", "payment:3");
      if (i % 3) expected.push(count);
    }
    let pouring = true;
    const pour = (async () => {
      while (pouring) {
        await publish(mine, "payment.captured", "payment:3");
        expected.push(count);
      }
    })();
    const clients = await Promise.all(Array.from({ length: 20 }, () => listen("/api/v1/events", { "last-event-id": String(first) })));
    await new Promise((resolve) => setTimeout(resolve, 300));
    pouring = false;
    await pour;
    for (const client of clients) {
      await until(async () => Promise.resolve(client.seen.length >= expected.length), "all events");
      expect(client.versions()).toEqual(expected);
      client.close();
    }
  });

  it("says so when what lies between is no longer kept", async () => {
    const after = await publish(mine, "payment.created", "payment:4");
    const last = await publish(mine, "payment.approved", "payment:4");
    const jsm = await world.nats.jetstreamManager();
    await jsm.streams.purge(subjects(world.namespace).eventStream, { seq: last + 1 });
    const client = await listen("/api/v1/events", { "last-event-id": String(after) });
    await until(async () => Promise.resolve(client.seen.length > 0), "the gap");
    expect(client.seen).toMatchObject([{ event: "stream.gap", data: { after, first: last + 1 } }]);
    client.close();
  });

  it("is refused without the permission, without a token and with an id that is none", async () => {
    expect((await listen("/api/v1/events", {}, await world.claim(mine, ["sync:read"]))).response.status).toBe(403);
    expect((await fetch(`${world.url}/api/v1/events`)).status).toBe(401);
    expect((await listen("/api/v1/events", { "last-event-id": "x1" })).response.status).toBe(400);
  });

  it("ends for a client whose token has run out", async () => {
    const { env } = await import("../../config/env.ts");
    expect(env.LEGENDO_NAMESPACE).toBe(world.namespace);
    const client = await listen("/api/v1/events");
    const gateway = (
      world.edge.getLocalService("api") as unknown as { gateway: { credentials: { claimOf: unknown }; hub: { recheck(): Promise<void> } } }
    ).gateway;
    const { claimOf } = gateway.credentials;
    gateway.credentials.claimOf = () => Promise.reject(errors.unauthenticated("expired"));
    await gateway.hub.recheck();
    await until(async () => Promise.resolve(client.isEnded()), "the end");
    gateway.credentials.claimOf = claimOf;
  });
});

describe("a job's event stream", () => {
  const path = `/api/v1/sync/jobs/${jobId}/events`;

  it("begins with the job, brings only its events, and ends with it", async () => {
    await publish(mine, "sync.job.created", `job:${jobId}`);
    await publish(mine, "sync.job.created", "job:other");
    await publish(theirs, "sync.job.progressed", `job:${jobId}`);
    const client = await listen(path);
    await publish(mine, "asset.stored", `assets:${jobId}`);
    await publish(mine, "sync.job.progressed", `job:${jobId}`);
    await publish(mine, "sync.job.completed", `job:${jobId}`);
    await until(async () => Promise.resolve(client.isEnded()), "the end of the job");
    expect(client.seen.map(({ event }) => event)).toEqual(["sync.job.created", "sync.job.progressed", "sync.job.completed"]);
    const again = await listen(path, { "last-event-id": String(client.seen.at(-1)!.id) });
    expect(again.response.status).toBe(204);
  });

  it("is 404 for a job that the caller does not have", async () => {
    expect((await listen(`/api/v1/sync/jobs/${mine}/events`)).response.status).toBe(404);
    expect((await listen("/api/v1/sync/jobs/abc/events")).response.status).toBe(422);
  });
});

describe("the edge under its clients", () => {
  it("cuts a client off that does not read, and keeps serving the others", async () => {
    const { port } = new URL(world.url);
    const sleeper = await new Promise<Socket>((resolve) => {
      const socket: Socket = connect(Number(port), "127.0.0.1", () => resolve(socket));
    });
    let closed = false;
    sleeper.on("close", () => (closed = true)).on("error", () => {});
    sleeper.write(`GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    await new Promise((resolve) => sleeper.once("data", resolve));
    sleeper.pause();
    const awake = await listen("/api/v1/events");
    const big = { filler: "x".repeat(200_000) };
    for (let i = 0; i < 60; i++) await publish(mine, "payment.failed", "payment:5", big);
    await until(async () => Promise.resolve(awake.seen.length === 60), "the reading client's events");
    sleeper.resume();
    await until(async () => Promise.resolve(closed), "the sleeper to be cut off");
    awake.close();
  });

  it("holds many streams, and stops within five seconds with them open, telling each when to come back", async () => {
    const clients = await Promise.all(Array.from({ length: 200 }, () => listen("/api/v1/events")));
    await publish(mine, "payment.created", "payment:6");
    await until(async () => Promise.resolve(clients.every(({ seen }) => seen.length === 1)), "every client's event");
    const begin = performance.now();
    await world.edge.stop();
    expect(performance.now() - begin).toBeLessThan(5_000);
    await Promise.all(clients.map(({ reading }) => reading));
    expect(clients.every(({ retries }) => retries.length === 2 && retries[1]! >= 500)).toBe(true);
  });
});
