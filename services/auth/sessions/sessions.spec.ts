import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { decodeJwt } from "jose";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../../config/calls.ts";
import type { Client } from "../../../config/permissions.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { testNode, type TestNode } from "../../../test/node.ts";

const password = "correct horse battery staple";
const laptop: Client = { address: "192.0.2.1", userAgent: "Laptop" };
const thief: Client = { address: "203.0.113.66", userAgent: "Laptop" };
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;

beforeAll(async () => {
  database = await testDatabase();
  node = await testNode(["auth"], database);
  broker = node.broker;
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });
const refresh = (refreshToken: string, client: Client = laptop) =>
  call(broker, "auth.sessions.refresh", { refreshToken }, { meta: { client } });

let made = 0;
/** A person who signed up and signed in on a laptop. */
async function person() {
  const email = `person${++made}@example.com`;
  const { userId } = await call(broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password });
  const login = (client = laptop, device?: string) =>
    call(broker, "auth.login", { email, password, ...(device && { device }) }, { meta: { client } });
  return { email, userId, login, ...(await login()) };
}

const stored = async (sessionId: string) =>
  (await database.admin.query<Record<string, unknown>>("select * from auth.sessions where id = $1", [sessionId])).rows[0]!;
const later = (sessionId: string, seconds: number) =>
  database.admin.query(
    `update auth.sessions set rotated_at = rotated_at - $2 * interval '1 second', last_seen_at = last_seen_at - $2 * interval '1 second' where id = $1`,
    [sessionId, seconds],
  );
const refused = (type: string) => ({ type, code: 401 });

describe("a session", () => {
  test("is in the token, with how and when the person proved who they are", async () => {
    const { token, sessionId, userId } = await person();
    const claims = decodeJwt(token);
    expect(claims).toMatchObject({ sid: sessionId, sub: `user:${userId}`, amr: ["pwd"] });
    expect(Math.abs(Number(claims["auth_time"]) - Date.now() / 1000)).toBeLessThan(60);
    expect(claims.exp! - claims.iat!).toBe(600);
  });

  test("is listed with its device, address and times, for its own person only", async () => {
    const [ada, bob] = [await person(), await person()];
    const phone = await ada.login({ address: "198.51.100.7", userAgent: "Phone" }, "Ada's phone");
    const sessions = await as(phone.token, "auth.sessions.list", {});
    expect(sessions).toHaveLength(3);
    expect(sessions[0]).toMatchObject({
      id: phone.sessionId,
      current: true,
      device: "Ada's phone",
      userAgent: "Phone",
      address: "198.51.100.7",
      methods: ["pwd"],
      tenantId: ada.tenantId,
    });
    expect(sessions.map(({ current }) => current)).toEqual([true, false, false]);
    expect(JSON.stringify(await as(bob.token, "auth.sessions.list", {}))).not.toContain(ada.sessionId);
  });

  test("is refused to a key and to a service, who have none", async () => {
    const { token } = await person();
    const { key } = await as(token, "auth.apikeys.create", { name: "key" });
    const { claim } = await call(broker, "auth.verify", { credential: key });
    await expect(as(claim, "auth.sessions.list", {})).rejects.toMatchObject({ type: "FORBIDDEN" });
  });

  test("that is ended is refused from the next call on, and can't be refreshed; others go on", async () => {
    const ada = await person();
    const phone = await ada.login({ userAgent: "Phone" });
    await as(ada.token, "auth.me", {});
    await as(phone.token, "auth.sessions.revoke", { id: ada.sessionId });
    await expect(as(ada.token, "auth.me", {})).rejects.toMatchObject({ ...refused("UNAUTHENTICATED"), data: { reason: "revoked" } });
    await expect(refresh(ada.refreshToken)).rejects.toMatchObject({ ...refused("SESSION_ENDED"), data: { reason: "revoked" } });
    await expect(as(phone.token, "auth.me", {})).resolves.toHaveProperty("tenantId");
    await expect(as(phone.token, "auth.sessions.revoke", { id: ada.sessionId })).resolves.toEqual({ id: ada.sessionId });
  });

  test("of somebody else can't be ended, and is not said to exist", async () => {
    const [ada, bob] = [await person(), await person()];
    for (const id of [ada.sessionId, randomUUID()])
      await expect(as(bob.token, "auth.sessions.revoke", { id })).rejects.toMatchObject({ type: "SESSION_NOT_FOUND", code: 404 });
    await expect(refresh(ada.refreshToken)).resolves.toHaveProperty("token");
  });

  test("ends by signing out", async () => {
    const { token, refreshToken } = await person();
    await as(token, "auth.sessions.logout", {});
    await expect(as(token, "auth.me", {})).rejects.toMatchObject(refused("UNAUTHENTICATED"));
    await expect(refresh(refreshToken)).rejects.toMatchObject({ data: { reason: "signed_out" } });
  });

  test("may end all others, and itself if asked to", async () => {
    const ada = await person();
    const phone = await ada.login();
    expect(await as(phone.token, "auth.sessions.revokeAll", {})).toEqual({ ended: 2 });
    await expect(as(ada.token, "auth.me", {})).rejects.toMatchObject(refused("UNAUTHENTICATED"));
    expect(await as(phone.token, "auth.sessions.revokeAll", { current: true })).toEqual({ ended: 1 });
    await expect(as(phone.token, "auth.me", {})).rejects.toMatchObject(refused("UNAUTHENTICATED"));
    await expect(ada.login()).resolves.toHaveProperty("token");
  });

  test("ends at its latest end and when it was idle for too long", async () => {
    const [old, idle] = [await person(), await person()];
    await database.admin.query("update auth.sessions set expires_at = now() where id = $1", [old.sessionId]);
    await expect(refresh(old.refreshToken)).rejects.toMatchObject({ ...refused("SESSION_ENDED"), data: { reason: "expired" } });
    const { openRedis } = await import("../../../mixins/redis.ts");
    const { forget } = await import("./presence.ts");
    const { env } = await import("../../../config/env.ts");
    const redis = openRedis(env.REDIS_URL, broker.namespace, { enableOfflineQueue: true });
    await forget(redis, [idle.sessionId]);
    redis.disconnect();
    await later(idle.sessionId, env.SESSION_IDLE_HOURS * 3600 + 60);
    await expect(refresh(idle.refreshToken)).rejects.toMatchObject({ ...refused("SESSION_ENDED"), data: { reason: "idle" } });
    expect(await stored(idle.sessionId)).toMatchObject({ end_reason: "idle" });
  });
});

describe("a refresh token", () => {
  test("is changed for the next one and a token with what the person may do now", async () => {
    const ada = await person();
    await database.admin.query("update auth.memberships set role = 'viewer' where user_id = $1", [ada.userId]);
    const next = await refresh(ada.refreshToken);
    expect(next).toMatchObject({ sessionId: ada.sessionId, tenantId: ada.tenantId });
    expect(next.refreshToken).not.toBe(ada.refreshToken);
    expect(decodeJwt(next.token)["prm"]).not.toContain("keys:write");
    expect(decodeJwt(next.token)["auth_time"]).toBe(decodeJwt(ada.token)["auth_time"]);
    await expect(refresh(next.refreshToken)).resolves.toHaveProperty("token");
  });

  test("gives the same next one again to the same client within the grace: a retry, two tabs, twenty at once", async () => {
    const { refreshToken, sessionId } = await person();
    const answers = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)));
    expect(new Set(answers.map((answer) => answer.refreshToken)).size).toBe(1);
    expect(await stored(sessionId)).toMatchObject({ generation: 2, ended_at: null });
    await expect(refresh(answers[0]!.refreshToken)).resolves.toHaveProperty("token");
  });

  test.each([
    ["by another client within the grace", thief, 0],
    ["by the same client after the grace", laptop, 31],
  ])("used again %s ends the session for everybody", async (_how, client, seconds) => {
    const ada = await person();
    const next = await refresh(ada.refreshToken);
    await later(ada.sessionId, seconds);
    await expect(refresh(ada.refreshToken, client)).rejects.toMatchObject(refused("REFRESH_TOKEN_REUSED"));
    await expect(refresh(next.refreshToken)).rejects.toMatchObject({ ...refused("SESSION_ENDED"), data: { reason: "reuse" } });
    await expect(as(next.token, "auth.me", {})).rejects.toMatchObject(refused("UNAUTHENTICATED"));
    await expect(ada.login()).resolves.toHaveProperty("token");
  });

  test("from two rotations ago ends the session within the grace too", async () => {
    const ada = await person();
    const next = await refresh(ada.refreshToken);
    await refresh(next.refreshToken);
    await expect(refresh(ada.refreshToken)).rejects.toMatchObject(refused("REFRESH_TOKEN_REUSED"));
  });

  test("is nowhere in the database in clear, its child neither, and the database alone opens nothing", async () => {
    const ada = await person();
    const next = await refresh(ada.refreshToken);
    const row = JSON.stringify(await stored(ada.sessionId));
    for (const token of [ada.refreshToken, next.refreshToken]) expect(row).not.toContain(token.slice(40));
    const { openChild } = await import("./refreshtoken.ts");
    const { sealed_child: sealed } = (await stored(ada.sessionId)) as { sealed_child: Buffer };
    expect(openChild(ada.refreshToken, sealed)).toBe(next.refreshToken);
    expect(() => openChild(next.refreshToken, sealed)).toThrow();
  });

  test("of who left the organisation or is no longer active gives nothing, and leaves the session as it is", async () => {
    const [left, inactive] = [await person(), await person()];
    await database.admin.query("delete from auth.memberships where user_id = $1", [left.userId]);
    await database.admin.query("update auth.users set is_active = false where id = $1", [inactive.userId]);
    for (const { refreshToken } of [left, inactive])
      await expect(refresh(refreshToken)).rejects.toMatchObject({ type: "FORBIDDEN", code: 403 });
    await database.admin.query("update auth.users set is_active = true where id = $1", [inactive.userId]);
    await expect(refresh(inactive.refreshToken)).resolves.toHaveProperty("token");
  });

  test("made up or altered in any way is refused and ends nobody's session", async () => {
    const { refreshToken } = await person();
    const character = fc.constantFrom(..."ABCXYZabcxyz019-_.= é");
    await fc.assert(
      fc.asyncProperty(fc.nat(refreshToken.length - 1), character, fc.boolean(), async (place, letter, insert) => {
        const altered = refreshToken.slice(0, place) + letter + refreshToken.slice(insert ? place : place + 1);
        if (altered !== refreshToken) await expect(refresh(altered)).rejects.toMatchObject(refused("REFRESH_TOKEN_INVALID"));
      }),
      { numRuns: 100 },
    );
    await expect(refresh(refreshToken)).resolves.toHaveProperty("token");
  });
});
