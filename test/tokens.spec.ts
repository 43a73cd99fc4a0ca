import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { SignJWT, type CryptoKey } from "jose";
import type { ServiceBroker } from "moleculer";
import { strict } from "../config/action.ts";
import { call } from "../config/calls.ts";
import { tokenAudience, tokenIssuer } from "../mixins/claim.ts";
import { localKeyRing } from "../mixins/vault/kms/local.ts";
import { activeSigningKey } from "../services/auth/signingkeys.ts";
import { testDatabase, type TestDatabase } from "./database.ts";
import { newBroker, until } from "./edge.ts";
import { testNode, type TestNode } from "./node.ts";

const password = "correct horse battery staple";
let database: TestDatabase;
let node: TestNode;
/** Another node, with an action of its own. */
let other: ServiceBroker;
let url: string;
let signing: { kid: string; privateKey: CryptoKey };

beforeAll(async () => {
  database = await testDatabase();
  node = await testNode(["api", "auth"], database);
  url = (node.broker.getLocalService("api") as unknown as { address: string }).address;
  const { env } = await import("../config/env.ts");
  signing = await activeSigningKey(await database.open("auth"), localKeyRing(env.MASTER_KEYS));
  other = await newBroker("other");
  const open = { description: "Opens.", permission: "org:read", rest: "GET /door", params: strict({}), handler: () => "opened" };
  other.createService({ name: "door", actions: { open: open as never } });
  await other.start();
  await Promise.all([node.broker.waitForServices("door"), other.waitForServices(["auth", "auth.keys", "auth.roles"])]);
  await until(async () => (await ask("/api/v1/door", "none")).status === 401, "the door's route");
});
afterAll(async () => {
  await other?.stop();
  await node?.stop();
  await database?.drop();
});

const ask = (path: string, token: string, headers: Record<string, string> = {}) =>
  fetch(`${url}${path}`, { headers: { authorization: `Bearer ${token}`, ...headers } });
const post = (path: string, body: unknown) =>
  fetch(`${url}${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

let made = 0;
async function person() {
  const email = `person${++made}@example.com`;
  return { email, ...(await call(node.broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password })) };
}

interface Problem {
  status: number;
  code: string;
  detail: string;
  reason?: string;
  errors?: { pointer: string; detail: string }[];
}
async function problem(answer: Response): Promise<Problem> {
  expect(answer.headers.get("content-type")).toContain("application/problem+json");
  const found = (await answer.json()) as Problem;
  expect(found.status).toBe(answer.status);
  return found;
}

/** A token that is right but for what is said. */
const token = (
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  key: CryptoKey | Uint8Array = signing.privateKey,
) =>
  new SignJWT({
    iss: tokenIssuer,
    aud: tokenAudience,
    sub: "user:x",
    tid: "11111111-1111-4111-8111-111111111111",
    prm: ["org:read"],
    exp: Math.floor(Date.now() / 1000) + 60,
    ...claims,
  })
    .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid: signing.kid, ...header })
    .sign(key);
const encoded = (part: object) => Buffer.from(JSON.stringify(part)).toString("base64url");

describe("a bad token", () => {
  it("gets a problem document that says what is wrong with it", async () => {
    const now = Math.floor(Date.now() / 1000);
    const right = await token();
    const [header = "", body = "", signature = ""] = right.split(".");
    const { refreshToken } = await person();
    const cases: Record<string, [string, string]> = {
      malformed: ["not.a.token", "malformed"],
      "a refresh token": [refreshToken, "malformed"],
      "alg: none": [`${encoded({ alg: "none", typ: "at+jwt", kid: signing.kid })}.${body}.`, "algorithm"],
      unsigned: [`${header}.${body}.`, "signature"],
      "of another body": [`${header}.${encoded({ iss: tokenIssuer, aud: tokenAudience })}.${signature}`, "signature"],
      expired: [await token({ exp: now - 10 }), "expired"],
      early: [await token({ nbf: now + 60 }), "early"],
      "of another issuer": [await token({ iss: "https://elsewhere.example" }), "issuer"],
      "for another audience": [await token({ aud: "somebody-else" }), "audience"],
      "of another type": [await token({}, { typ: "JWT" }), "type"],
      "of an unknown key": [await token({}, { kid: "made-up" }), "key"],
    };
    const found: Record<string, unknown> = {};
    for (const [name, [bad]] of Object.entries(cases)) {
      const answer = await ask("/api/v1/me", bad);
      expect(answer.headers.get("www-authenticate")).toContain('error="invalid_token"');
      const { status, code, reason } = await problem(answer);
      found[name] = [status, code, reason];
    }
    expect(found).toEqual(Object.fromEntries(Object.entries(cases).map(([name, [, reason]]) => [name, [401, "UNAUTHENTICATED", reason]])));
  });

  it("of whatever bytes is refused: never let in, never an error of ours", async () => {
    const right = (await person()).token;
    const letters = fc.integer({ min: 0x21, max: 0xff }).filter((code) => code < 0x7f || code > 0xa0);
    const text = fc.array(letters, { minLength: 1, maxLength: 300 }).map((codes) => String.fromCharCode(...codes));
    const altered = fc
      .tuple(fc.nat(right.length - 2), letters, fc.constantFrom("replace", "insert", "cut", "twice"))
      .map(([place, code, how]) => {
        const letter = String.fromCharCode(code);
        if (how === "cut") return right.slice(0, place);
        if (how === "twice") return right.slice(0, place) + right;
        return right.slice(0, place) + letter + right.slice(how === "replace" ? place + 1 : place);
      });
    const parts = fc
      .tuple(fc.json(), fc.json(), fc.base64String())
      .map(
        ([header, body, signature]) =>
          `${Buffer.from(header).toString("base64url")}.${Buffer.from(body).toString("base64url")}.${signature}`,
      );
    await fc.assert(
      fc.asyncProperty(fc.oneof(text, altered, parts), async (bytes) => {
        if (bytes === right || !bytes) return;
        for (const headers of [{ authorization: `Bearer ${bytes}` }, { authorization: bytes }, { "x-api-key": bytes }]) {
          const answer = await fetch(`${url}/api/v1/me`, { headers });
          await answer.body?.cancel();
          expect([bytes, answer.status]).toEqual([bytes, 401]);
        }
      }),
      { numRuns: 150 },
    );
    expect((await ask("/api/v1/me", right)).status).toBe(200);
  });

  it("for a refresh, stolen or made up, is told apart; the thief and the owner are both out", async () => {
    const { refreshToken } = await person();
    const next = (await (await post("/api/v1/auth/refresh", { refreshToken })).json()) as { data: { token: string; refreshToken: string } };
    await database.admin.query("update auth.sessions set rotated_at = rotated_at - interval '31 seconds'");
    expect(await problem(await post("/api/v1/auth/refresh", { refreshToken }))).toMatchObject({
      status: 401,
      code: "REFRESH_TOKEN_REUSED",
    });
    expect(await problem(await post("/api/v1/auth/refresh", next.data))).toMatchObject({ status: 422 });
    expect(await problem(await post("/api/v1/auth/refresh", { refreshToken: next.data.refreshToken }))).toMatchObject({
      status: 401,
      code: "SESSION_ENDED",
      reason: "reuse",
    });
    expect(await problem(await ask("/api/v1/me", next.data.token))).toMatchObject({ status: 401, reason: "revoked" });
    expect(await problem(await post("/api/v1/auth/refresh", { refreshToken: "lgr_made-up" }))).toMatchObject({
      code: "REFRESH_TOKEN_INVALID",
    });
    // On its way to the audit log, or there already.
    const recorded = `select 1 from auth.acts where act->>'action' = 'session.token_reused'
                      union all select 1 from auth.audit where action = 'session.token_reused'`;
    await until(async () => (await database.admin.query(recorded)).rowCount! > 0, "the act to be recorded");
  });
});

describe("a bad sign-in", () => {
  it("names every fault, whatever was sent, and repeats none of it", async () => {
    const answer = await problem(await post("/api/v1/auth/login", { email: 7, password: "x".repeat(2_000), admin: true }));
    expect(answer).toMatchObject({ status: 422, code: "VALIDATION_FAILED" });
    expect(answer.errors!.map(({ pointer }) => pointer).sort()).toEqual(["/admin", "/email", "/password"]);
    const megabyte = "y".repeat(1_000_000);
    expect(await problem(await post("/api/v1/auth/login", { email: "a@example.com", password: megabyte }))).toMatchObject({ status: 413 });
    expect((await problem(await post("/api/v1/auth/login", { email: "a@example.com", password: "z".repeat(900_000) }))).status).toBe(422);
  });
});

describe("what is revoked", () => {
  it("is refused at the edge and on every other node from then on", async () => {
    const ada = await person();
    const opened = () => other.call<unknown, object>("door.open", {}, { meta: { claim: ada.token } });
    expect((await ask("/api/v1/door", ada.token)).status).toBe(200);
    expect(await opened()).toBe("opened");
    await call(node.broker, "auth.sessions.logout", {}, { meta: { claim: ada.token } });
    await until(
      async () =>
        opened()
          .then(() => false)
          .catch((error: { code: number }) => error.code === 401),
      "the other node",
    );
    expect(await problem(await ask("/api/v1/door", ada.token))).toMatchObject({ status: 401, reason: "revoked" });
  });

  it("becomes known to a node that the broadcast did not reach, and to one that comes later", async () => {
    const ada = await person();
    const opened = (broker: ServiceBroker) =>
      broker
        .call<unknown, object>("door.open", {}, { meta: { claim: ada.token } })
        .then(() => "opened")
        .catch((error: { code: number }) => error.code);
    expect(await opened(other)).toBe("opened");
    const { recordRevocation } = await import("../services/auth/revocations.ts");
    const db = await database.open("auth");
    await db.system((em) => recordRevocation(em, { tenantId: null, subject: `session:${ada.sessionId}` }));
    await until(async () => (await opened(other)) === 401, "the other node");
    const late = await newBroker("late");
    const open = { description: "Opens.", permission: "org:read", params: strict({}), handler: () => "opened" };
    late.createService({ name: "door", actions: { open: open as never } });
    try {
      await late.start();
      await late.waitForServices(["auth", "auth.keys", "auth.roles"]);
      const claim = ada.token;
      await expect(late.call("door.open", {}, { meta: { claim }, nodeID: "late" } as never)).rejects.toMatchObject({ code: 401 });
    } finally {
      await late.stop();
    }
  });
});

describe("the users table", () => {
  it("has the columns of the design document", async () => {
    const { rows } = await database.admin.query<{
      name: string;
      type: string;
      length: number | null;
      nullable: string;
      otherwise: string | null;
    }>(
      `select column_name as name, data_type as type, character_maximum_length as length, is_nullable as nullable, column_default as otherwise
       from information_schema.columns where table_schema = 'auth' and table_name = 'users'`,
    );
    const columns = Object.fromEntries(rows.map(({ name, ...column }) => [name, column]));
    const text = (length: number, nullable: string) => ({ type: "character varying", length, nullable });
    expect(columns).toMatchObject({
      id: { type: "uuid", nullable: "NO", otherwise: "gen_random_uuid()" },
      email: text(255, "NO"),
      password_hash: text(255, "NO"),
      first_name: text(100, "YES"),
      last_name: text(100, "YES"),
      created_at: { type: "timestamp with time zone", otherwise: "now()" },
      updated_at: { type: "timestamp with time zone", otherwise: "now()" },
      last_login_at: { type: "timestamp with time zone", nullable: "YES" },
      is_active: { type: "boolean", otherwise: "true" },
    });
    const { rows: unique } = await database.admin.query(
      "select 1 from pg_indexes where schemaname = 'auth' and indexdef ~ 'UNIQUE.*users .*\\(email\\)'",
    );
    expect(unique).toHaveLength(1);
  });
});
