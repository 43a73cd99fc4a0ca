import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import bcrypt from "bcrypt";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../../config/calls.ts";
import { openRedis, type Redis } from "../../../mixins/redis.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { mailTaker } from "../../../test/mails.ts";
import { testNode, type TestNode } from "../../../test/node.ts";

const password = "correct horse battery staple";
const next = "another horse battery staple";
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;
let redis: Redis;
const { schema, mails } = mailTaker();

beforeAll(async () => {
  database = await testDatabase();
  node = await testNode(async () => {
    const { loadServices } = await import("../../../scripts/services.ts");
    return [...(await loadServices(["auth"])), schema];
  }, database);
  broker = node.broker;
  const { env } = await import("../../../config/env.ts");
  redis = openRedis(env.REDIS_URL, broker.namespace, { enableOfflineQueue: true });
});
afterAll(async () => {
  redis?.disconnect();
  await node?.stop();
  await database?.drop();
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"], address = "192.0.2.1") =>
  call(broker, name, params, { meta: { claim, client: { address } } });
const from = <N extends ActionName>(address: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { client: { address } } });
const login = (address: string, email: string, word = password) => from(address, "auth.login", { email, password: word });
const wrong = (address: string, email: string) => login(address, email, "wrong horse battery staple");

let made = 0;
async function person() {
  const email = `person${++made}@example.com`;
  return { email, ...(await call(broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password })) };
}
const stored = async (email: string) =>
  (await database.admin.query<Record<string, string | Date | null>>("select * from auth.users where email = $1", [email])).rows[0]!;
/** The newest mail of a kind to somebody, once there are that many. */
async function mailTo(email: string, template: string, count = 1) {
  for (let tries = 0; tries < 500; tries++, await sleep(20)) {
    const found = mails.filter((mail) => mail.to === email && mail.template === template);
    if (found.length >= count) return found.at(-1)!;
  }
  throw new Error(`no mail ${template} to ${email}`);
}
const tokenIn = ({ data }: { data: Record<string, string> }) => data["link"]!.split("#token=")[1]!;

describe("a password", () => {
  test("is stored as argon2id; one of bcrypt still opens, and is stored anew by that", async () => {
    const { email } = await person();
    expect((await stored(email))["password_hash"]).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    await database.admin.query("update auth.users set password_hash = $2 where email = $1", [email, await bcrypt.hash(password, 12)]);
    await login("192.0.2.1", email);
    expect((await stored(email))["password_hash"]).toMatch(/^\$argon2id\$/);
    await expect(login("192.0.2.1", email)).resolves.toHaveProperty("token");
    await expect(wrong("192.0.2.1", email)).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
  });

  test.each(["qazwsxedcrfvtgb", "Justinbieber", "Sunshine-2024!", "123dragon123456"])(
    "like %s, stolen before or a common word with little around it, is refused with the precise fault",
    async (bad) => {
      const params = { organisation: "Bad", email: "bad@example.com", password: bad };
      await expect(call(broker, "auth.organisations.create", params)).rejects.toMatchObject({
        type: "VALIDATION_FAILED",
        data: { faults: [{ pointer: "/password", detail: expect.stringContaining("stolen") as unknown }] },
      });
    },
  );

  test("is changed by who knows it: every session ends but the new one, and the old word no longer opens", async () => {
    const ada = await person();
    const phone = await login("198.51.100.7", ada.email);
    await expect(as(ada.token, "auth.passwords.change", { current: "not this one at all", password: next })).rejects.toMatchObject({
      code: 401,
    });
    const changed = await as(ada.token, "auth.passwords.change", { current: password, password: next });
    for (const { token, refreshToken } of [ada, phone]) {
      await expect(as(token, "auth.me", {})).rejects.toMatchObject({ data: { reason: "revoked" } });
      await expect(call(broker, "auth.sessions.refresh", { refreshToken })).rejects.toMatchObject({ data: { reason: "password" } });
    }
    await expect(as(changed.token, "auth.me", {})).resolves.toMatchObject({ user: { email: ada.email } });
    await expect(login("192.0.2.1", ada.email)).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
    await expect(login("192.0.2.1", ada.email, next)).resolves.toHaveProperty("token");
  });
});

describe("a forgotten password", () => {
  test("is set anew by the link of a mail, once, which ends all sessions and confirms the address", async () => {
    const [ada, bob] = [await person(), await person()];
    await from("192.0.2.1", "auth.passwords.forgot", { email: ada.email.toUpperCase() });
    const mail = await mailTo(ada.email, "password-reset");
    const token = tokenIn(mail);
    const { rows } = await database.admin.query<{ all: string }>("select row_to_json(l)::text as all from auth.links l");
    expect(rows.map((row) => row.all).join()).not.toContain(token.slice(4));
    await expect(from("192.0.2.1", "auth.passwords.reset", { token, password: "too short" })).rejects.toMatchObject({ code: 422 });
    await from("192.0.2.1", "auth.passwords.reset", { token, password: next });
    await expect(from("192.0.2.1", "auth.passwords.reset", { token, password: next })).rejects.toMatchObject({
      type: "LINK_INVALID",
      code: 422,
    });
    await expect(as(ada.token, "auth.me", {})).rejects.toMatchObject({ data: { reason: "revoked" } });
    await expect(as(bob.token, "auth.me", {})).resolves.toHaveProperty("tenantId");
    await expect(login("192.0.2.1", ada.email, next)).resolves.toHaveProperty("token");
    expect((await stored(ada.email))["email_confirmed_at"]).toBeInstanceOf(Date);
  });

  test("is not set by a link that is too old, of another kind, or followed by a newer one", async () => {
    const { email } = await person();
    const confirmation = tokenIn(await mailTo(email, "address-confirmation"));
    const links: string[] = [];
    for (let i = 1; i <= 2; i++) {
      await from("192.0.2.1", "auth.passwords.forgot", { email });
      links.push(tokenIn(await mailTo(email, "password-reset", i)));
    }
    await database.admin.query("update auth.links set expires_at = now() where email = $1 and purpose = 'password'", [email]);
    for (const token of [confirmation, ...links, "lgl_made-up"])
      await expect(from("192.0.2.1", "auth.passwords.reset", { token, password: next })).rejects.toMatchObject({ type: "LINK_INVALID" });
    await expect(login("192.0.2.1", email)).resolves.toHaveProperty("token");
  });

  test("is answered in the same way for an unknown address, and mailed three times an hour at most", async () => {
    const { email } = await person();
    const answers = new Set<string>();
    for (const to of ["unknown@example.com", email, email, email, email])
      answers.add(JSON.stringify(await from("192.0.2.1", "auth.passwords.forgot", { email: to })));
    expect(answers).toEqual(new Set(['{"accepted":true}']));
    await mailTo(email, "password-reset", 3);
    await sleep(100);
    expect(mails.filter((mail) => mail.template === "password-reset" && mail.to === email)).toHaveLength(3);
    expect(mails.filter((mail) => mail.to === "unknown@example.com")).toEqual([]);
  });
});

describe("an address", () => {
  test("is confirmed by the link that signing up mails, or by another one asked for, once", async () => {
    const { email, token } = await person();
    const first = tokenIn(await mailTo(email, "address-confirmation"));
    await as(token, "auth.addresses.request", {});
    const second = tokenIn(await mailTo(email, "address-confirmation", 2));
    expect((await stored(email))["email_confirmed_at"]).toBeNull();
    await expect(call(broker, "auth.addresses.confirm", { token: first })).rejects.toMatchObject({ type: "LINK_INVALID" });
    await call(broker, "auth.addresses.confirm", { token: second });
    expect((await stored(email))["email_confirmed_at"]).toBeInstanceOf(Date);
    await expect(call(broker, "auth.addresses.confirm", { token: second })).rejects.toMatchObject({ type: "LINK_INVALID" });
  });
});

describe("wrong passwords", () => {
  const delayed = { type: "SIGN_IN_DELAYED", code: 429 };
  /** Whatever comes of it. */
  const settled = (work: Promise<unknown>) => work.then(() => "in").catch((error: { type: string }) => error.type);
  /** What is counted of the one account that was tried from an address. */
  const pairOf = async (address: string) => {
    const [key = ""] = await redis.keys(`${broker.namespace}:failures:pair:*:${address}`);
    return key.slice(broker.namespace.length + 1);
  };
  const now = async () => Number((await redis.time())[0]) * 1000;

  test("delay the next try from there, longer each time, for an unknown account too; from elsewhere one gets in", async () => {
    const { email } = await person();
    for (const [account, address] of [
      [email, "203.0.113.1"],
      ["nobody@example.com", "203.0.113.3"],
    ] as const) {
      for (let i = 0; i < 10; i++) expect(await settled(wrong(address, account))).toBe("UNAUTHENTICATED");
      const pair = await pairOf(address);
      for (const seconds of [2, 4, 8]) {
        await redis.hset(pair, { until: (await now()) + 60_000 });
        await expect(wrong(address, account)).rejects.toMatchObject(delayed);
        await redis.hset(pair, { until: 0 });
        const before = await now();
        expect(await settled(wrong(address, account))).toBe("UNAUTHENTICATED");
        const until = Number(await redis.hget(pair, "until"));
        expect([until - before >= seconds * 1000, until - (await now()) <= seconds * 1000 + 1000]).toEqual([true, true]);
      }
    }
    await expect(login("192.0.2.1", email)).resolves.toHaveProperty("token");
    await redis.hset(await pairOf("203.0.113.1"), { until: (await now()) + 60_000 });
    await expect(login("203.0.113.1", email)).rejects.toMatchObject(delayed);
  });

  test("at once are not all tried: those beyond the limit are refused before their password is looked at", async () => {
    const outcomes = await Promise.all(Array.from({ length: 30 }, () => settled(wrong("203.0.113.4", "nobody@example.org"))));
    expect(outcomes.filter((type) => type === "UNAUTHENTICATED").length).toBeLessThanOrEqual(10);
    expect(new Set(outcomes)).toEqual(new Set(["UNAUTHENTICATED", "SIGN_IN_DELAYED"]));
  });

  test("never lock for ever, and a right one afterwards clears what they counted", async () => {
    const { email } = await person();
    await settled(wrong("203.0.113.2", email));
    const pair = await pairOf("203.0.113.2");
    await redis.hset(pair, { failures: 1_000_000, until: 0 });
    await settled(wrong("203.0.113.2", email));
    const { data } = (await login("203.0.113.2", email).catch((error: unknown) => error)) as { data: { retryAfter: number } };
    expect(data.retryAfter).toBeGreaterThan(600);
    expect(data.retryAfter).toBeLessThanOrEqual(900);
    await redis.hset(pair, { until: 0 });
    await expect(login("203.0.113.2", email)).resolves.toHaveProperty("token");
    expect(await redis.exists(pair)).toBe(0);
  });

  test("by the thousand, from many addresses at one account and from one address at many, keep nobody out who was there before", async () => {
    const [ada, bob] = [await person(), await person()];
    await login("198.51.100.1", ada.email);
    await login("203.0.113.9", bob.email);
    const flood = [
      ...Array.from({ length: 200 }, (_, i) => wrong(`192.0.2.${i}`, ada.email)),
      ...Array.from({ length: 800 }, (_, i) => wrong("203.0.113.9", `target${i}@example.com`)),
    ];
    const outcomes = Promise.all(flood.map(settled));
    const during = [ada.token, bob.token].map((token) => as(token, "auth.me", {}));
    expect(await Promise.all(during)).toHaveLength(2);
    expect((await outcomes).filter((type) => !["UNAUTHENTICATED", "SIGN_IN_DELAYED"].includes(type))).toEqual([]);
    await expect(login("198.51.100.1", ada.email)).resolves.toHaveProperty("token");
    await expect(login("203.0.113.9", bob.email)).resolves.toHaveProperty("token");
    await expect(login("198.51.100.1", bob.email)).resolves.toHaveProperty("token");
  });
});
