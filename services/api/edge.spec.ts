import { Agent, get } from "node:http";
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Context, ServiceSchema } from "moleculer";
import Type from "typebox";
import { pageParams, strict } from "../../config/action.ts";
import type { Meta } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import { testEdge, until, type TestEdge } from "../../test/edge.ts";

const tenant = "11111111-1111-4111-8111-111111111111";
const origin = "https://app.example.com";

interface Problem {
  type: string;
  status: number;
  detail: string;
  instance: string;
  code: string;
  requestId: string;
  errors?: { pointer: string; detail: string }[];
}

let world: TestEdge;
let token: string;
let removed = 0;
let verified = 0;
let keyClaim = "";
let keyRevoked = false;

type Ctx = Context<Record<string, unknown>, Meta>;

/** That a service reaches its database. */
const ping = { description: "Answers.", permission: "public", params: strict({}), handler: () => Promise.resolve() };

const behind = (): ServiceSchema[] => [
  {
    name: "things",
    actions: {
      list: {
        description: "Lists things.",
        permission: "sync:read",
        rest: "GET /things",
        params: strict({
          ...pageParams,
          flag: Type.Optional(Type.Boolean()),
          name: Type.Optional(Type.String()),
          tags: Type.Optional(Type.Array(Type.Integer())),
          size: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
        }),
        handler: (ctx: Ctx) => ({ data: [ctx.params], pagination: { cursor: null, hasNext: false, hasPrev: false } }),
      },
      create: {
        description: "Makes a thing.",
        permission: "sync:write",
        rest: ["POST /things", "POST /make"],
        status: 201,
        idempotencyKey: true,
        params: strict({ name: Type.String({ minLength: 2 }), size: Type.Integer({ minimum: 1 }), id: Type.Optional(Type.String()) }),
        handler: (ctx: Ctx) => ({ id: "a b", ...ctx.params, key: ctx.meta.idempotencyKey, meta: Object.keys(ctx.meta) }),
      },
      get: {
        description: "Shows a thing.",
        permission: "sync:read",
        rest: "GET /things/:id",
        params: strict({ id: Type.String() }),
        handler(ctx: Ctx) {
          if (ctx.params["id"] === "none") throw errors.jobNotFound("There is no such thing.", { id: "none" });
          return ctx.params;
        },
      },
      update: {
        description: "Changes a thing.",
        permission: "sync:write",
        rest: "PUT /things/:id",
        params: strict({ id: Type.String(), size: Type.Optional(Type.Integer()) }),
        handler: (ctx: Ctx) => ctx.params,
      },
      remove: {
        description: "Removes a thing.",
        permission: "public",
        rest: "DELETE /things/:id",
        params: strict({ id: Type.String() }),
        handler: () => ++removed,
      },
      open: { description: "Answers anybody.", permission: "public", rest: "GET /open", params: strict({}), handler: () => "hello" },
      picture: {
        description: "A picture.",
        permission: "public",
        rest: "GET /picture",
        binary: true,
        params: strict({}),
        handler: () => ({ mediaType: "image/png", base64: Buffer.from("pixels").toString("base64"), etag: "p1" }),
      },
      broken: {
        description: "Fails.",
        permission: "public",
        rest: "GET /broken",
        params: strict({}),
        handler() {
          throw new Error("password=hunter2 at db.internal");
        },
      },
      slow: {
        description: "Is slow.",
        permission: "public",
        rest: "GET /slow",
        timeout: 100,
        params: strict({}),
        handler: () => new Promise((resolve) => setTimeout(resolve, 400)),
      },
      hidden: { description: "Is not for HTTP.", permission: "public", params: strict({}), handler: () => "hidden" },
    },
  } as unknown as ServiceSchema,
  {
    name: "auth",
    actions: {
      ping,
      verify: {
        description: "Knows one key.",
        permission: "public",
        params: strict({ credential: Type.String() }),
        handler(ctx: Ctx) {
          verified++;
          if (ctx.params["credential"] !== "lgd_good" || keyRevoked) throw errors.unauthenticated("The API key is not valid.");
          return { claim: keyClaim };
        },
      },
    },
  } as unknown as ServiceSchema,
];

const ask = async (path: string, init: RequestInit = {}) => await fetch(world.url + path, init);
const as = (credential: string, more: Record<string, string> = {}) => ({ authorization: `Bearer ${credential}`, ...more });
const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  ask(path, { method: "POST", headers: { ...as(token), "content-type": "application/json", ...headers }, body: JSON.stringify(body) });
const problem = async (response: Response) => {
  expect(response.headers.get("content-type")).toBe("application/problem+json; charset=utf-8");
  const body = (await response.json()) as Problem;
  expect(body.status).toBe(response.status);
  expect(body.requestId).toBe(response.headers.get("x-request-id"));
  return body;
};

beforeAll(async () => {
  world = await testEdge(behind, { CORS_ORIGINS: origin, LOG_LEVEL: "fatal" });
  token = await world.claim(tenant, ["sync:read", "sync:write"]);
  keyClaim = await world.claim(tenant, ["sync:read"]);
  await until(async () => (await ask("/api/v1/open")).status === 200, "the routes of the other node");
});
afterAll(async () => await world.stop());

describe("routes", () => {
  it("come from what the nodes publish, and only from actions that state one", async () => {
    expect(await (await ask("/api/v1/open")).json()).toEqual({ data: "hello" });
    for (const path of ["/api/v1/things.hidden", "/api/v1/hidden", "/things/hidden", "/api/rest", "/api/v1/$node/list", "/~node/list"])
      expect([path, (await ask(path, { headers: as(token) })).status]).toEqual([path, 404]);
  });

  it("that nobody has told of yet may come: until all services were heard of, a fresh edge says 503 and when to ask again", async () => {
    const edge = world.edge.getLocalService("api") as unknown as { youngUntil: number };
    edge.youngUntil = Date.now() + 60_000;
    const early = await ask("/api/v1/nothing");
    expect(early.headers.get("retry-after")).toBe("5");
    expect(await problem(early)).toMatchObject({ status: 503, code: "SERVICE_UNAVAILABLE", instance: "/api/v1/nothing" });
    expect((await ask("/api/v1/open")).status).toBe(200);
    edge.youngUntil = 0;
    expect((await ask("/api/v1/nothing")).status).toBe(404);
  });

  it("answer an unknown path with 404 and a known one's other methods with 405 and Allow", async () => {
    expect(await problem(await ask("/api/v1/nothing"))).toMatchObject({ status: 404, code: "NOT_FOUND", instance: "/api/v1/nothing" });
    const wrong = await ask("/api/v1/things", { method: "PATCH" });
    expect(wrong.headers.get("allow")).toBe("GET, HEAD, POST");
    expect(await problem(wrong)).toMatchObject({ status: 405, code: "METHOD_NOT_ALLOWED" });
    expect((await ask("/API/V1/open")).status).toBe(404);
  });

  it("answer HEAD like GET, without the body", async () => {
    const response = await ask("/api/v1/open", { method: "HEAD" });
    expect(response.status).toBe(200);
    expect(response.headers.get("content-length")).toBe(String(JSON.stringify({ data: "hello" }).length));
    expect(await response.text()).toBe("");
  });

  it("stay known when the service has left: 503, not 404", async () => {
    const other = { name: "late", actions: { go: { permission: "public", rest: "GET /late", params: strict({}), handler: () => 1 } } };
    const service = world.behind.createService(other as unknown as ServiceSchema);
    await until(async () => (await ask("/api/v1/late")).status === 200, "the new route");
    await world.behind.destroyService(service);
    const gone = await until(async () => {
      const response = await ask("/api/v1/late");
      return response.status === 200 ? undefined : response;
    }, "the service to be gone");
    expect(gone.headers.get("retry-after")).toBe("5");
    expect(await problem(gone)).toMatchObject({ status: 503, code: "SERVICE_UNAVAILABLE" });
  });
});

describe("versions", () => {
  it("are chosen by the path or by the Accept header", async () => {
    const response = await ask("/api/open", { headers: { accept: "application/vnd.legendo.v1+json" } });
    expect(response.headers.get("content-type")).toBe("application/vnd.legendo.v1+json; charset=utf-8");
    expect((await ask("/api/open")).status).toBe(200);
    expect((await ask("/api/v1/open", { headers: { accept: "application/vnd.legendo.v1+json" } })).status).toBe(200);
  });

  it("that are not there are refused with 406, naming those that are", async () => {
    const refused = await problem(await ask("/api/open", { headers: { accept: "application/vnd.legendo.v2+json" } }));
    expect(refused).toMatchObject({ status: 406, code: "VERSION_NOT_KNOWN", known: ["application/vnd.legendo.v1+json"] });
    expect((await ask("/api/v1/open", { headers: { accept: "application/vnd.legendo.v7+json" } })).status).toBe(406);
  });
});

describe("OPTIONS and CORS", () => {
  it("OPTIONS never runs an action, whatever method it announces", async () => {
    for (const headers of [{}, { "access-control-request-method": "DELETE" }, { origin, "access-control-request-method": "DELETE" }]) {
      const response = await ask("/api/v1/things/1", { method: "OPTIONS", headers });
      expect(response.status).toBe(204);
      expect(response.headers.get("allow")).toBe("DELETE, GET, HEAD, OPTIONS, PUT");
    }
    expect(removed).toBe(0);
  });

  it.each([
    [origin, true],
    ["https://app.example.co", false],
    ["https://app.example", false],
    ["https://", false],
    ["https://app.example.com.evil.org", false],
    ["http://app.example.com", false],
    ["null", false],
  ])("origin %s is allowed: %s", async (from, allowed) => {
    for (const method of ["OPTIONS", "GET"]) {
      const response = await ask("/api/v1/open", { method, headers: { origin: from, "access-control-request-method": "GET" } });
      expect(response.headers.get("access-control-allow-origin")).toBe(allowed ? from : null);
      expect(response.headers.get("access-control-allow-credentials")).toBeNull();
      expect(response.headers.get("vary")).toContain("Origin");
    }
  });

  it("problems carry the CORS headers too, or a browser would hide them", async () => {
    const response = await ask("/api/v1/things", { headers: { origin } });
    expect(response.status).toBe(401);
    expect(response.headers.get("access-control-allow-origin")).toBe(origin);
  });
});

describe("callers", () => {
  it("without a credential are refused with 401 before their body is read", async () => {
    const response = await ask("/api/v1/things", { method: "POST", headers: { "content-type": "application/json" }, body: "{broken" });
    expect(response.headers.get("www-authenticate")).toBe('Bearer realm="legendo"');
    expect(await problem(response)).toMatchObject({ status: 401, code: "UNAUTHENTICATED" });
  });

  it("with a forged token get 401, without the permission 403", async () => {
    const forged = await ask("/api/v1/things", { headers: as(`${token.slice(0, -4)}AAAA`) });
    expect(forged.headers.get("www-authenticate")).toContain("invalid_token");
    expect(forged.status).toBe(401);
    const weak = await world.claim(tenant, ["ai:read"]);
    expect(await problem(await ask("/api/v1/things", { headers: as(weak) }))).toMatchObject({ status: 403, permission: "sync:read" });
    expect((await ask("/api/v1/things", { headers: { authorization: "Basic YTpi" } })).status).toBe(401);
  });

  it("with an API key are known by either header, and the auth service is asked once for a burst", async () => {
    verified = 0;
    const headers = [{ "x-api-key": "lgd_good" }, as("lgd_good"), as("lgd_good", { "x-api-key": "lgd_good" })];
    const answers = await Promise.all(headers.map((sent) => ask("/api/v1/things", { headers: sent })));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    expect(verified).toBe(1);
    expect((await ask("/api/v1/things", { headers: { "x-api-key": "lgd_bad" } })).status).toBe(401);
  });

  it("on one connection are looked at with each request, whoever asked before on it", async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const stranger = await world.claim(tenant, ["ai:read"]);
    const sockets = new Set<unknown>();
    const status = (headers: Record<string, string>) =>
      new Promise<number | undefined>((resolve, reject) => {
        const sent = get(`${world.url}/api/v1/things`, { agent, headers }, (response) => {
          response.resume().on("end", () => resolve(response.statusCode));
        });
        sent.on("socket", (socket) => sockets.add(socket)).on("error", reject);
      });
    const asked: [Record<string, string>, number][] = [
      [as(token), 200],
      [as(stranger), 403],
      [as(token), 200],
      [{}, 401],
      [as(token, { "x-api-key": "lgd_good" }), 401],
      [as(`${token}x`), 401],
      [as(`${token}x`), 401],
      [as(token), 200],
    ];
    for (const [headers, expected] of asked) expect([headers, await status(headers)]).toEqual([headers, expected]);
    expect(sockets.size).toBe(1);
    agent.destroy();
  });

  it("with two different credentials are refused", async () => {
    const response = await ask("/api/v1/things", { headers: as(token, { "x-api-key": "lgd_good" }) });
    expect(await problem(response)).toMatchObject({ status: 401 });
  });

  it("lose a revoked key as soon as its revocation is broadcast", async () => {
    const headers = { "x-api-key": "lgd_good" };
    expect((await ask("/api/v1/things", { headers })).status).toBe(200);
    keyRevoked = true;
    expect((await ask("/api/v1/things", { headers })).status).toBe(200);
    await world.behind.broadcast("credential.revoked", { tenantId: tenant, subject: "service:suite" });
    await until(async () => (await ask("/api/v1/things", { headers })).status === 401, "the key to be forgotten");
    keyRevoked = false;
  });
});

describe("parameters", () => {
  const list = async (query: string) => await ask(`/api/v1/things${query}`, { headers: as(token) });

  it("of path and query are read as the types that the action states, where nothing is lost", async () => {
    const page = (await (await list("?limit=7&flag=false&name=12&tags=1&tags=2&size=3")).json()) as { data: unknown[] };
    expect(page).toEqual({
      data: [{ limit: 7, flag: false, name: "12", tags: [1, 2], size: 3 }],
      pagination: { cursor: null, hasNext: false, hasPrev: false },
    });
    for (const query of ["?limit=7.5", "?limit=1e1", "?limit=0x7", "?limit=", "?flag=yes", "?flag=1", "?tags=a"])
      expect(await problem(await list(query))).toMatchObject({ status: 422, code: "VALIDATION_FAILED" });
  });

  it("name every fault by its pointer, unknown members included", async () => {
    const faults = (await problem(await post("/api/v1/things", { name: "x", sise: 1 }))).errors!.map(({ pointer }) => pointer);
    expect(faults.sort()).toEqual(["/name", "/sise", "/size"]);
    expect((await problem(await list("?__proto__=1&constructor=2"))).errors!.map(({ pointer }) => pointer).sort()).toEqual([
      "/__proto__",
      "/constructor",
    ]);
  });

  it("may come twice only with the same value", async () => {
    const put = (id: string, size: number, query = "") =>
      ask(`/api/v1/things/7${query}`, {
        method: "PUT",
        headers: as(token, { "content-type": "application/json" }),
        body: JSON.stringify({ id, size }),
      });
    expect(await (await put("7", 1, "?size=1")).json()).toEqual({ data: { id: "7", size: 1 } });
    expect((await problem(await put("8", 1, "?size=2"))).errors!.map(({ pointer }) => pointer).sort()).toEqual(["/id", "/size"]);
    expect((await list("?limit=1&limit=2")).status).toBe(422);
  });

  it("never reach the meta of a call: a client has no authority to state there", async () => {
    const { data } = (await (await post("/api/v1/things?name=ab", { name: "ab", size: 1 }, { meta: "1" })).json()) as {
      data: { meta: string[] };
    };
    expect(data.meta.sort()).toEqual(["claim", "client"]);
  });
});

describe("bodies", () => {
  const send = async (body: RequestInit["body"], type: string | null, more: Record<string, string> = {}) =>
    await ask("/api/v1/things", {
      method: "POST",
      headers: as(token, { ...(type === null ? {} : { "content-type": type }), ...more }),
      body: body!,
    });

  it("that are not JSON objects are refused precisely", async () => {
    expect(await problem(await send("{oops", "application/json"))).toMatchObject({ status: 400, code: "REQUEST_MALFORMED" });
    expect(await problem(await send(Buffer.from([0x7b, 0xff, 0x7d]), "application/json"))).toMatchObject({ status: 400 });
    expect(await problem(await send("[1]", "application/json"))).toMatchObject({
      status: 422,
      errors: [{ pointer: "", detail: "must be an object" }],
    });
    expect(await problem(await send("a=1", "application/x-www-form-urlencoded"))).toMatchObject({ status: 415 });
    expect(await problem(await send("{}", "application/json; charset=latin1"))).toMatchObject({ status: 415 });
    expect(await problem(await send("{}", "application/json", { "content-encoding": "gzip" }))).toMatchObject({ status: 415 });
  });

  it("over a million bytes are refused with 413, stated or streamed", async () => {
    const big = JSON.stringify({ name: "x".repeat(1_000_001) });
    expect(await problem(await send(big, "application/json"))).toMatchObject({ status: 413, code: "BODY_TOO_LARGE" });
    const streamed = new Blob([big]).stream();
    const init = { method: "POST", headers: as(token, { "content-type": "application/json" }), body: streamed, duplex: "half" };
    expect((await ask("/api/v1/things", init as RequestInit)).status).toBe(413);
  });
});

describe("answers", () => {
  it("of creations carry 201 and where the thing is found", async () => {
    for (const path of ["/api/v1/things", "/api/v1/make"]) {
      const response = await post(path, { name: "ab", size: 1 });
      expect([response.status, response.headers.get("location")]).toEqual([201, "/api/v1/things/a%20b"]);
    }
  });

  it("hand an Idempotency-Key to the action, and refuse one that is none", async () => {
    const keyed = (key: string) => post("/api/v1/things", { name: "ab", size: 1 }, { "idempotency-key": key });
    expect(((await (await keyed("abc-1")).json()) as { data: { key: string } }).data.key).toBe("abc-1");
    for (const key of ["a b", "ä", "x".repeat(256)]) expect((await keyed(encodeURI(key) === key ? key : "a b")).status).toBe(400);
  });

  it("of bytes leave as bytes, with an ETag that saves the second transfer", async () => {
    const first = await ask("/api/v1/picture");
    expect([first.status, first.headers.get("content-type"), first.headers.get("etag"), await first.text()]).toEqual([
      200,
      "image/png",
      '"p1"',
      "pixels",
    ]);
    const second = await ask("/api/v1/picture", { headers: { "if-none-match": '"p0", W/"p1"' } });
    expect([second.status, await second.text()]).toEqual([304, ""]);
  });

  it("carry security headers and a request id that is safe to log", async () => {
    const response = await ask("/api/v1/open", { headers: { "x-request-id": "mine-1", "x-correlation-id": "other" } });
    expect(response.headers.get("x-request-id")).toBe("mine-1");
    expect(response.headers.get("x-content-type-options")).toBe("nosniff");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(response.headers.get("x-powered-by")).toBeNull();
    const odd = await ask("/api/v1/open", { headers: { "x-request-id": "x".repeat(9000) } });
    expect(odd.headers.get("x-request-id")).toMatch(/^[\da-f-]{36}$/);
  });
});

describe("failures", () => {
  it("keep a client's own mistake readable", async () => {
    const missing = await problem(await ask("/api/v1/things/none", { headers: as(token) }));
    expect(missing).toMatchObject({
      status: 404,
      code: "JOB_NOT_FOUND",
      type: "urn:legendo:problem:job-not-found",
      detail: "There is no such thing.",
      id: "none",
    });
    expect(await problem(await ask("/api/v1/things/%E0%A4%A", { headers: as(token) }))).toMatchObject({ status: 400 });
  });

  it("inside are 500 without a word of what happened, and an open circuit is 503", async () => {
    const first = await problem(await ask("/api/v1/broken"));
    expect(first).toMatchObject({ status: 500, code: "INTERNAL_ERROR" });
    expect(JSON.stringify(first)).not.toContain("hunter2");
    const opened = await until(async () => {
      const response = await ask("/api/v1/broken");
      return response.status === 500 ? undefined : response;
    }, "the circuit to open");
    expect(opened.headers.get("retry-after")).toBe("5");
    expect(await problem(opened)).toMatchObject({ status: 503, code: "SERVICE_UNAVAILABLE" });
  });

  it("of slow services are 504", async () => {
    expect(await problem(await ask("/api/v1/slow"))).toMatchObject({ status: 504, code: "REQUEST_TIMEOUT" });
  });

  it("of what is not HTTP get 400 and a closed connection", async () => {
    const { port } = new URL(world.url);
    const answer = await new Promise<string>((resolve) => {
      let text = "";
      const socket = connect(Number(port), "127.0.0.1", () => socket.write("NONSENSE\r\n\r\n"));
      socket.on("data", (data) => (text += data.toString())).on("close", () => resolve(text));
    });
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe("the edge about itself", () => {
  it("lives without its services, and is ready only with all of them", async () => {
    expect((await ask("/livez")).status).toBe(200);
    const before = await ask("/readyz");
    const { checks } = (await before.json()) as { checks: Record<string, { status: string; nodes?: number }> };
    expect(before.status).toBe(503);
    expect(checks).toMatchObject({
      broker: { status: "ok" },
      nats: { status: "ok" },
      events: { status: "ok" },
      auth: { status: "ok", nodes: 1 },
      sync: { status: "down" },
    });
    for (const name of ["sync.jobs", "ai", "payment", "notification.webhooks"])
      world.behind.createService({ name, actions: { ping } } as unknown as ServiceSchema);
    await until(async () => (await ask("/readyz")).status === 200, "readiness");
  });

  it("describes every route as OpenAPI 3.1", async () => {
    const document = (await (await ask("/api/v1/openapi.json")).json()) as {
      openapi: string;
      paths: Record<string, Record<string, { operationId: string; security: object[]; responses: Record<string, { $ref?: string }> }>>;
      components: { responses: object };
    };
    expect(document.openapi).toBe("3.1.0");
    const listed = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    expect(listed).toEqual(
      expect.arrayContaining([
        "get /api/v1/things",
        "post /api/v1/things",
        "put /api/v1/things/{id}",
        "delete /api/v1/things/{id}",
        "get /api/v1/events",
        "get /api/v1/assets/{id}/content",
      ]),
    );
    const operations = Object.values(document.paths).flatMap((path) => Object.values(path));
    expect(new Set(operations.map(({ operationId }) => operationId)).size).toBe(operations.length);
    for (const { responses } of operations)
      for (const { $ref } of Object.values(responses))
        if ($ref) expect(document.components.responses).toHaveProperty($ref.split("/").at(-1)!);
    expect(document.paths["/api/v1/things"]!["post"]).toMatchObject({
      security: [{ bearer: [] }, { apiKey: [] }],
      "x-permission": "sync:write",
      requestBody: { required: true, content: { "application/json": { schema: { required: ["name", "size"] } } } },
    });
    expect(document.paths["/api/v1/things"]!["get"]).toMatchObject({
      parameters: expect.arrayContaining([
        {
          name: "limit",
          in: "query",
          required: false,
          description: "Rows per page.",
          schema: { type: "integer", minimum: 1, maximum: 200, default: 50 },
        },
      ]) as unknown,
    });
  });

  it("publishes no secret and no way to change its routes to other nodes", async () => {
    const registry = JSON.stringify(world.behind.registry.getServiceList({ withActions: true, onlyAvailable: true }));
    const api = (JSON.parse(registry) as { name: string; actions: object }[]).find(({ name }) => name === "api")!;
    expect(Object.keys(api.actions)).toEqual([]);
    const { env } = await import("../../config/env.ts");
    for (const secret of [env.CLUSTER_SECRET, env.MASTER_KEYS, env.NATS_URL]) expect(registry).not.toContain(secret);
    await expect(world.behind.call("api.addRoute", {})).rejects.toMatchObject({ code: 404 });
  });
});
