import { afterAll, beforeAll, expect, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { wayTo, type Way } from "../../test/cut.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";

const password = "correct horse battery staple";
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;
let way: Way;

beforeAll(async () => {
  database = await testDatabase();
  const redis = new URL(process.env["REDIS_URL"]!);
  way = await wayTo(redis.hostname, Number(redis.port || 6379));
  redis.host = way.host;
  process.env["REDIS_URL"] = redis.href;
  node = await testNode(["auth"], database);
  broker = node.broker;
});
afterAll(async () => {
  await node?.stop();
  await way?.close();
  await database?.drop();
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });
const email = (name: string) => `${name}@example.com`;
const signUp = (name: string) => call(broker, "auth.organisations.create", { organisation: name, email: email(name), password });
const away = { type: "SERVICE_UNAVAILABLE", code: 503 };

test("without Redis tokens, keys and refreshing go on, sessions are listed and ended for good; passwords wait until it is back", async () => {
  const [ada, bob] = [await signUp("ada"), await signUp("bob")];
  const { key } = await as(ada.token, "auth.apikeys.create", { name: "key" });
  way.cut();

  expect(await as(ada.token, "auth.me", {})).toMatchObject({ tenantId: ada.tenantId });
  expect(await call(broker, "auth.verify", { credential: key })).toMatchObject({ principal: { tenantId: ada.tenantId } });
  const next = await call(broker, "auth.sessions.refresh", { refreshToken: ada.refreshToken });
  expect(await as(next.token, "auth.sessions.list", {})).toMatchObject([{ id: ada.sessionId, current: true }]);
  await as(bob.token, "auth.sessions.logout", {});
  await expect(as(bob.token, "auth.me", {})).rejects.toMatchObject({ code: 401, data: { reason: "revoked" } });
  await expect(call(broker, "auth.sessions.refresh", { refreshToken: bob.refreshToken })).rejects.toMatchObject({ type: "SESSION_ENDED" });

  // Wrong ones could not be counted, so none is tried: neither the answer nor its time tells anything.
  for (const word of [password, "wrong horse battery staple"])
    await expect(call(broker, "auth.login", { email: email("ada"), password: word })).rejects.toMatchObject(away);
  await expect(call(broker, "auth.passwords.forgot", { email: email("ada") })).rejects.toMatchObject(away);

  way.mend();
  for (let tries = 0; ; tries++) {
    const back = await call(broker, "auth.login", { email: email("ada"), password }).catch((error: unknown) => error as { type: string });
    if ("token" in back) break;
    expect([back.type, tries < 400]).toEqual([expect.stringMatching(/^SERVICE_(UNAVAILABLE|NOT_AVAILABLE)$/), true]);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await expect(as(bob.token, "auth.me", {})).rejects.toMatchObject({ code: 401 });
});
