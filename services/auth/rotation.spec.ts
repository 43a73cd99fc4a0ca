import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { decodeProtectedHeader } from "jose";
import type { ServiceBroker } from "moleculer";
import { call } from "../../config/calls.ts";
import { platform } from "../../config/permissions.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";

const password = "correct horse battery staple";
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

const states = async () =>
  (await database.admin.query<{ state: string }>("select state from auth.signing_keys order by state, created_at")).rows.map(
    ({ state }) => state,
  );

describe("the key that signs tokens", () => {
  test("is changed five times under load: no token is refused, and each of the keys has signed", async () => {
    const { env } = await import("../../config/env.ts");
    const { serviceClaim } = await import("../../mixins/claim.ts");
    const refused: unknown[] = [];
    const signers = new Set<string | undefined>();
    let rotating = true;
    let asked = 0;
    const visitor = async (number: number) => {
      const account = { organisation: `Load ${number}`, email: `load${number}@example.com`, password };
      let session = await call(broker, "auth.organisations.create", account);
      const first = session.token;
      const ask = async (claim: string) => {
        asked++;
        await call(broker, "auth.me", {}, { meta: { claim } });
      };
      while (rotating) {
        try {
          const { refreshToken } = session;
          session = { ...session, ...(await call(broker, "auth.sessions.refresh", { refreshToken })) };
          signers.add(decodeProtectedHeader(session.token).kid);
          await Promise.all([ask(session.token), ask(first)]);
        } catch (error) {
          refused.push(error);
        }
      }
    };
    const visitors = Array.from({ length: 6 }, (_, number) => visitor(number));
    const keys = new Set<string>();
    for (let turn = 0; turn < 5; turn++) {
      const claim = await serviceClaim(env.CLUSTER_SECRET, "spec", platform);
      const { active } = await call(broker, "auth.keys.rotate", {}, { meta: { claim } });
      keys.add(active);
      for (let tries = 0; tries < 500 && !signers.has(active); tries++) await sleep(20);
    }
    for (let tries = 0; tries < 500 && asked <= 30; tries++) await sleep(20);
    rotating = false;
    await Promise.all(visitors);
    expect(refused).toEqual([]);
    expect([...keys].filter((key) => !signers.has(key))).toEqual([]);
    expect(asked).toBeGreaterThan(30);
    expect((await states()).filter((state) => state === "retired")).toHaveLength(5);
  });

  test("is changed by schedule when it is old enough, once, however many nodes look; retired ones are forgotten after a day", async () => {
    const { tendSigningKeys } = await import("./keyschedule.ts");
    const { env } = await import("../../config/env.ts");
    const ring = localKeyRing(env.MASTER_KEYS);
    const nodes = await Promise.all([database.open("auth"), database.open("auth"), database.open("auth")]);
    const tend = (days: number) => Promise.all(nodes.map((db) => tendSigningKeys(db, ring, days)));
    expect((await tend(30)).map(({ active }) => active)).toEqual([undefined, undefined, undefined]);
    await database.admin.query("update auth.signing_keys set activated_at = now() - interval '31 days' where state = 'active'");
    expect((await tend(0)).filter(({ active }) => active)).toEqual([]);
    expect((await tend(30)).filter(({ active }) => active)).toHaveLength(1);
    const before = (await states()).filter((state) => state === "retired").length;
    await database.admin.query(
      `update auth.signing_keys set retired_at = now() - interval '25 hours' where kid in (select kid from auth.signing_keys where state = 'retired' limit 2)`,
    );
    expect((await tend(30)).reduce((sum, { forgotten }) => sum + forgotten, 0)).toBe(2);
    expect(await states()).toEqual(["active", "next", ...Array<string>(before - 2).fill("retired")]);
  });

  test("can't be used by who has the database without the master keys", async () => {
    const { tendSigningKeys } = await import("./keyschedule.ts");
    const { activeSigningKey } = await import("./signingkeys.ts");
    const other = localKeyRing(`other:${randomBytes(32).toString("base64")}`);
    const db = await database.open("auth");
    expect(await tendSigningKeys(db, other, 30)).toEqual({ active: undefined, forgotten: 0 });
    await expect(activeSigningKey(db, other)).rejects.toMatchObject({ type: "VAULT_KEY_UNUSABLE" });
  });
});
