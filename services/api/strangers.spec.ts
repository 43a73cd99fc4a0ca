import { EventEmitter } from "node:events";
import { request, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "@jest/globals";
import type { ServiceSchema } from "moleculer";
import Type from "typebox";
import { strict } from "../../config/action.ts";
import { errors } from "../../config/errors.ts";
import { testEdge, until, type TestEdge } from "../../test/edge.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import type { Route } from "./routes.ts";
import { Strangers } from "./strangers.ts";

const tenant = "11111111-1111-4111-8111-111111111111";
const other = "33333333-3333-4333-8333-333333333333";
const account = "22222222-2222-4222-8222-222222222222";

let world: TestEdge;
/** Calls that are worked on, by what they name: each goes on when it is let. */
const inside = new Map<string, () => void>();
const work = (name: string) => new Promise<string>((resolve) => inside.set(name, () => resolve(name)));
const letAll = () => {
  for (const go of inside.values()) go();
  inside.clear();
};
const params = strict({ name: Type.String() });

const behind = (): ServiceSchema[] => [
  {
    name: "house",
    actions: {
      knock: {
        description: "Takes its time.",
        permission: "public",
        rest: "POST /knock",
        params,
        handler: (ctx: { params: { name: string } }) => work(ctx.params.name),
      },
      ring: { description: "Answers.", permission: "public", rest: "POST /ring", params, handler: () => "hello" },
      look: { description: "Answers.", permission: "public", rest: "GET /look", params: strict({}), handler: () => "hello" },
      live: { description: "Answers.", permission: "sync:read", rest: "POST /live", params, handler: () => "welcome home" },
    },
  } as unknown as ServiceSchema,
  {
    name: "payment.webhooks",
    actions: {
      receive: {
        description: "Takes an event.",
        permission: "public",
        params: strict({ accountId: Type.String(), headers: Type.Object({}), body: Type.String() }),
        handler: (ctx: { params: { body: string } }) => {
          const name = Buffer.from(ctx.params.body, "base64").toString();
          if (name.includes("forged")) throw errors.paypalEventForged("This is not from PayPal.", { accountId: account });
          return work(name);
        },
      },
    },
  } as unknown as ServiceSchema,
];

interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: Record<string, unknown>;
}

/** Asks from an address of this machine: each is a network of its own. */
function ask(method: string, path: string, body?: object, { from = "127.0.0.1", token = "" } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
    const sent = request(world.url + path, { method, headers, agent: false, localAddress: from }, (response) => {
      let text = "";
      response.setEncoding("utf8").on("data", (part: string) => (text += part));
      response.on("end", () =>
        resolve({ status: response.statusCode!, headers: response.headers, body: JSON.parse(text) as Record<string, unknown> }),
      );
    });
    sent.on("error", reject).end(body && JSON.stringify(body));
  });
}
const knock = (name: string, from: string) => ask("POST", "/api/v1/knock", { name }, { from });
const has = (...names: string[]) => until(() => Promise.resolve(names.every((name) => inside.has(name))), names.join(" and "));
const statuses = async (answers: Promise<Answer>[]) => (await Promise.all(answers)).map(({ status }) => status);

/** Takes the three places that strangers have, and all of the room to wait. */
async function fill(path = "/api/v1/knock", street = 1) {
  const from = (i: number) => `127.0.${street}.${i}`;
  const first = [1, 2, 3].map((i) => ask("POST", path, { name: `in${i}` }, { from: from(i) }));
  await until(() => Promise.resolve(inside.size === 3), "three inside");
  const rest = [4, 5, 6, 7, 8, 9, 10, 11].map((i) => ask("POST", path, { name: `wait${i}` }, { from: from(i) }));
  const refused = await until(async () => {
    const answer = await Promise.race([ask("POST", path, { name: "late" }, { from: "127.0.2.1" }), ...rest]);
    return answer.status === 429 ? answer : undefined;
  }, "a refusal");
  return { answers: [...first, ...rest], refused };
}
/** Lets one after the other in and out, until all are answered. */
async function empty(answers: Promise<Answer>[]) {
  let over = false;
  const all = statuses(answers).finally(() => (over = true));
  await until(() => {
    letAll();
    return Promise.resolve(over);
  }, "all to be answered");
  return await all;
}

beforeAll(async () => {
  world = await testEdge(behind, { LOG_LEVEL: "fatal", STRANGERS_AT_ONCE: "4" });
  await until(async () => (await ask("GET", "/api/v1/look")).status === 200, "the routes of the other node");
});
afterEach(letAll);
afterAll(async () => await world.stop());

test("a flood of a route that asks for no token is refused at once, with a problem and Retry-After; every other route goes on", async () => {
  const { answers, refused } = await fill();
  expect(refused.headers).toMatchObject({ "content-type": "application/problem+json; charset=utf-8", "retry-after": "3" });
  expect(refused.body).toMatchObject({ code: "TOO_MANY_AT_ONCE", status: 429, instance: "/api/v1/knock", retryAfter: 3 });
  const token = await world.claim(tenant, ["sync:read"]);
  const others = [
    ask("POST", "/api/v1/ring", { name: "a" }),
    ask("GET", "/api/v1/look"),
    ask("POST", "/api/v1/live", { name: "a" }, { token }),
  ];
  expect(await statuses(others)).toEqual([200, 200, 200]);
  expect((await empty(answers)).every((status) => status === 200)).toBe(true);
});

test("somebody from where a token was seen before is let in while a flood lasts", async () => {
  const token = await world.claim(other, ["sync:read"]);
  expect((await ask("POST", "/api/v1/live", { name: "a" }, { from: "127.0.3.1", token })).status).toBe(200);
  const { answers } = await fill();
  const known = knock("known", "127.0.3.1");
  await has("known");
  inside.get("known")!();
  expect(await known).toMatchObject({ status: 200, body: { data: "known" } });
  expect((await empty(answers)).every((status) => status === 200)).toBe(true);
});

test("a refusal does not wait for the body, and a body that never ends keeps nobody's place", async () => {
  const half = () => {
    const socket = connect({ port: Number(new URL(world.url).port), host: "127.0.0.1", localAddress: "127.0.5.1" });
    socket.write("POST /api/v1/knock HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 900000\r\n\r\n{");
    return socket;
  };
  const slow = Array.from({ length: 8 }, half);
  const quick = knock("quick", "127.0.5.1");
  await has("quick");
  letAll();
  expect((await quick).status).toBe(200);
  const { answers } = await fill();
  const late = half();
  const text = await new Promise<string>((resolve) => late.setEncoding("utf8").once("data", resolve));
  expect(text).toMatch(/^HTTP\/1\.1 429 /);
  for (const socket of [...slow, late]) socket.destroy();
  await empty(answers);
});

test("a failure and a client that has gone give their places back", async () => {
  for (let i = 0; i < 5; i++) expect((await ask("POST", "/api/v1/knock", { nonsense: i }, { from: "127.0.4.1" })).status).toBe(422);
  for (const name of ["gone1", "gone2"]) {
    const sent = request(`${world.url}/api/v1/knock`, { method: "POST", headers: { "content-type": "application/json" }, agent: false });
    sent.on("error", () => {}).end(JSON.stringify({ name }));
    await has(name);
    sent.destroy();
    letAll();
  }
  const next = knock("next", "127.0.0.1");
  await has("next");
  letAll();
  expect((await next).status).toBe(200);
});

test("events of PayPal are taken some at a time, too, and PayPal is told to come back", async () => {
  const path = `/api/v1/payments/webhooks/${account}`;
  const { answers, refused } = await fill(path);
  expect(refused).toMatchObject({ status: 429, headers: { "retry-after": "3" }, body: { code: "TOO_MANY_AT_ONCE", instance: path } });
  expect((await empty(answers)).every((status) => status === 200)).toBe(true);
});

test("from where PayPal delivered an event that was genuine, it is let in while a flood lasts; from where a forged one came, nobody is", async () => {
  const path = `/api/v1/payments/webhooks/${account}`;
  const deliver = async (name: string, from: string) => {
    const delivery = ask("POST", path, { name }, { from });
    await has(JSON.stringify({ name }));
    letAll();
    return (await delivery).status;
  };
  expect(await deliver("genuine", "127.0.6.1")).toBe(200);
  expect((await ask("POST", path, { name: "forged" }, { from: "127.0.7.1" })).status).toBe(403);
  // From addresses of its own: those of the other stories delivered here before.
  const { answers } = await fill(path, 8);
  expect((await ask("POST", path, { name: "forged" }, { from: "127.0.7.1" })).status).toBe(429);
  const next = ask("POST", path, { name: "next" }, { from: "127.0.6.1" });
  await has(JSON.stringify({ name: "next" }));
  letAll();
  expect((await next).status).toBe(200);
  await empty(answers);
});

test("a client that left before its turn takes no place", async () => {
  const strangers = new Strangers(4);
  const route = { method: "POST", path: "/knock" } as Route;
  const come = (gone: boolean) => {
    const req = { from: "127.0.8.1", gone } as EdgeRequest;
    strangers.meet(route, req, new EventEmitter() as unknown as EdgeResponse);
    return req.enter!();
  };
  await expect(come(true)).rejects.toMatchObject({ type: "TOO_MANY_AT_ONCE" });
  // One of a network at a time: the place is free.
  await expect(come(false)).resolves.toBeUndefined();
});

test("what strangers ask at the same moment on open connections is let in by and by", async () => {
  const { gateway } = world.edge.getLocalService("api") as unknown as { gateway: { strangers: { meet(...args: unknown[]): void } } };
  const { strangers } = gateway;
  const meet = strangers.meet.bind(strangers);
  const perTurn = new Map<number, number>();
  let turn = 0;
  strangers.meet = (...args) => {
    perTurn.set(turn, (perTurn.get(turn) ?? 0) + 1);
    meet(...args);
  };
  const people = Array.from({ length: 40 }, () => connect(Number(new URL(world.url).port), "127.0.0.1"));
  const answered = (send: string, ending: string) =>
    Promise.all(
      people.map(async (socket) => {
        let text = "";
        const read = (part: Buffer) => (text += part.toString());
        socket.on("data", read).write(send);
        await until(() => Promise.resolve(text.endsWith(ending)), "an answer");
        socket.off("data", read);
        return text;
      }),
    );
  await answered("GET /api/v1/look HTTP/1.1\r\nHost: a\r\n\r\n", '{"data":"hello"}');
  let counting = true;
  const count = () => {
    turn++;
    if (counting) setImmediate(count);
  };
  count();
  const ring = "POST /api/v1/ring HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 12\r\n\r\n";
  const answers = await answered(`${ring}{"name":"a"}`, "}");
  counting = false;
  strangers.meet = meet;
  for (const socket of people) socket.destroy();
  expect(answers.every((text) => /^HTTP\/1\.1 (200|429) /.test(text))).toBe(true);
  expect([...perTurn.values()].reduce((sum, each) => sum + each)).toBe(40);
  // The turns counted here begin somewhere in those of the edge, which lets four in with each.
  expect(Math.max(...perTurn.values())).toBeLessThanOrEqual(8);
});
