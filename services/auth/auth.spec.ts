import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { decodeJwt } from "jose";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import { roles } from "../../config/permissions.ts";
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

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });

/** What a call is refused with, be it thrown at once or later. */
async function refusal(work: () => Promise<unknown>): Promise<object> {
  try {
    return { answered: await work() };
  } catch (error) {
    return error as object;
  }
}

let made = 0;
/** An organisation with its owner. */
async function organisation() {
  const email = `owner${++made}@example.com`;
  return { email, ...(await call(broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password })) };
}

async function milliseconds(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work().catch(() => undefined);
  return performance.now() - start;
}

describe("sign-up", () => {
  test("makes organisation, owner and membership, signs the owner in, and publishes the event", async () => {
    const name = `O'Reilly & Söhne \\ ? "quoted"`;
    const params = { organisation: name, email: "Ada.Lovelace@Example.com", password, firstName: "Ada", lastName: "Lovelace" };
    const { tenantId, userId, token, expiresAt } = await call(broker, "auth.organisations.create", params);
    expect(Date.parse(expiresAt) - Date.now()).toBeGreaterThan(590_000);
    expect(await as(token, "auth.me", {})).toEqual({
      tenantId,
      organisation: name,
      subject: `user:${userId}`,
      user: { id: userId, email: "ada.lovelace@example.com", firstName: "Ada", lastName: "Lovelace", role: "owner" },
      permissions: [...roles.owner, "account:manage"],
    });
    const events = await database.admin.query(
      "select tenant_id, stream, version, type, data, actor from auth.events where tenant_id = $1",
      [tenantId],
    );
    expect(events.rows).toEqual([
      {
        tenant_id: tenantId,
        stream: `organisation:${tenantId}`,
        version: 1,
        type: "organisation.created",
        data: { name },
        actor: `user:${userId}`,
      },
    ]);
    const waiting = () => database.admin.query("select 1 from auth.outbox where tenant_id = $1", [tenantId]);
    for (let i = 0; i < 100 && (await waiting()).rowCount; i++) await sleep(20);
    expect((await waiting()).rowCount).toBe(0);
  });

  test("refuses an address that has an account, however it is written, and leaves nothing behind", async () => {
    const { email } = await organisation();
    const counts = async () =>
      (
        await database.admin.query<Record<string, string>>(
          "select (select count(*) from auth.organisations) o, (select count(*) from auth.users) u, (select count(*) from auth.events) e",
        )
      ).rows;
    const before = await counts();
    const again = call(broker, "auth.organisations.create", { organisation: "Other", email: email.toUpperCase(), password });
    await expect(again).rejects.toMatchObject({ type: "EMAIL_TAKEN", code: 409, data: undefined });
    expect(await counts()).toEqual(before);
  });

  test("of one address at the same time makes one account", async () => {
    const params = { organisation: "Twin", email: "twin@example.com", password };
    const outcomes = await Promise.allSettled([1, 2, 3].map(() => call(broker, "auth.organisations.create", params)));
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ type: "EMAIL_TAKEN" });
  });

  test.each([
    ["eleven byte", "must have 12 to 72 bytes in UTF-8; it has 11"],
    ["ä".repeat(37), "must have 12 to 72 bytes in UTF-8; it has 74"],
  ])("refuses the password %s with the precise fault", async (bad, detail) => {
    const params = { organisation: "Bad", email: "bad@example.com", password: bad };
    await expect(call(broker, "auth.organisations.create", params)).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      code: 422,
      data: { faults: [{ pointer: "/password", detail }] },
    });
  });

  test("names every fault of a bad request and repeats none of its values", async () => {
    const params = { organisation: " \t", email: "not an address", password: "x".repeat(2000), admin: true };
    const error = await refusal(() => call(broker, "auth.organisations.create", params as never));
    expect(error).toMatchObject({ type: "VALIDATION_FAILED", code: 422 });
    const { faults } = (error as { data: { faults: { pointer: string }[] } }).data;
    expect(faults.map((fault) => fault.pointer).sort()).toEqual(["/admin", "/email", "/organisation", "/password"]);
    expect(JSON.stringify(error)).not.toContain("not an address");
  });
});

describe("login", () => {
  test("answers with a token of the person's organisation and remembers when", async () => {
    const { email, tenantId, userId } = await organisation();
    await database.admin.query("update auth.users set last_login_at = null where id = $1", [userId]);
    const answer = await call(broker, "auth.login", { email: email.toUpperCase(), password });
    expect(answer).toMatchObject({ tenantId, organisations: [{ tenantId, role: "owner" }] });
    expect(decodeJwt(answer.token)).toMatchObject({
      sub: `user:${userId}`,
      uid: userId,
      tid: tenantId,
      prm: [...roles.owner, "account:manage"],
    });
    expect(Date.parse(answer.expiresAt)).toBe(decodeJwt(answer.token).exp! * 1000);
    const { rows } = await database.admin.query<{ ago: number }>(
      "select extract(epoch from now() - last_login_at)::float as ago from auth.users where id = $1",
      [userId],
    );
    expect(rows[0]!.ago).toBeLessThan(10);
  });

  test("signs a member of two organisations in to the first or to the asked one, with the role there", async () => {
    const [first, second] = [await organisation(), await organisation()];
    await database.admin.query("insert into auth.memberships (tenant_id, user_id, role) values ($1, $2, 'viewer')", [
      second.tenantId,
      first.userId,
    ]);
    const { email } = first;
    expect(await call(broker, "auth.login", { email, password })).toMatchObject({ tenantId: first.tenantId });
    const there = await call(broker, "auth.login", { email, password, tenantId: second.tenantId });
    expect(there.organisations.map((of) => [of.tenantId, of.role])).toEqual([
      [first.tenantId, "owner"],
      [second.tenantId, "viewer"],
    ]);
    expect(decodeJwt(there.token)).toMatchObject({ tid: second.tenantId, prm: [...roles.viewer, "account:manage"] });
    const stranger = await organisation();
    await expect(call(broker, "auth.login", { email, password, tenantId: stranger.tenantId })).rejects.toMatchObject({ type: "FORBIDDEN" });
  });

  test("gives a wrong password and an unknown address the same answer after the same time", async () => {
    const { email } = await organisation();
    const wrong = () => call(broker, "auth.login", { email, password: "wrong horse battery staple" });
    const unknown = () => call(broker, "auth.login", { email: "nobody@example.com", password });
    const answers = await Promise.all([wrong, unknown].map(refusal));
    expect(answers[0]).toMatchObject({ type: "UNAUTHENTICATED", code: 401, message: "E-mail or password is wrong." });
    expect(answers[1]).toMatchObject({ type: "UNAUTHENTICATED", code: 401, message: "E-mail or password is wrong." });
    const times = { wrong: Infinity, unknown: Infinity };
    // The fastest of several: everything else on the machine only adds.
    for (let round = 0; round < 4; round++) {
      times.wrong = Math.min(times.wrong, await milliseconds(wrong));
      times.unknown = Math.min(times.unknown, await milliseconds(unknown));
    }
    expect(times.unknown / times.wrong).toBeGreaterThan(0.6);
    expect(times.unknown / times.wrong).toBeLessThan(1.6);
  });

  test("refuses a password that is right in its first 72 bytes only", async () => {
    const long = "pq".repeat(36);
    const email = "long@example.com";
    await call(broker, "auth.organisations.create", { organisation: "Long", email, password: long });
    await expect(call(broker, "auth.login", { email, password: long })).resolves.toHaveProperty("token");
    await expect(call(broker, "auth.login", { email, password: `${long}q` })).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
  });

  test("takes the same letters from a system that decomposes them", async () => {
    const email = "umlaut@example.com";
    await call(broker, "auth.organisations.create", { organisation: "Ü", email, password: "Übergrößenträger".normalize("NFC") });
    await expect(call(broker, "auth.login", { email, password: "Übergrößenträger".normalize("NFD") })).resolves.toHaveProperty("token");
  });

  test("refuses a person who is no longer active, once the password is proved", async () => {
    const { email, userId } = await organisation();
    await database.admin.query("update auth.users set is_active = false where id = $1", [userId]);
    await expect(call(broker, "auth.login", { email, password })).rejects.toMatchObject({ type: "FORBIDDEN" });
    await expect(call(broker, "auth.login", { email, password: "wrong password" })).rejects.toMatchObject({ type: "UNAUTHENTICATED" });
  });

  test("of twenty people at once leaves the event loop free: no turn of it works for 100 ms", async () => {
    const { email } = await organisation();
    const turns: number[] = [];
    // A collection of garbage, or all that came in while a busy machine let this thread wait, may make one turn long, but not every time: hashes do.
    while (turns.length < 3 && !turns.some((turn) => turn < 100)) {
      const longest = longestTurn();
      const outcomes = await Promise.all(Array.from({ length: 20 }, (_, i) => attempt(email, `192.0.2.${i}`)));
      turns.push(longest());
      expect(outcomes).toEqual(Array(20).fill("signed in"));
    }
    expect(Math.min(...turns)).toBeLessThan(100);
  });

  test("by sixty strangers at once is answered or refused for now, none of it as an error", async () => {
    const outcomes = await Promise.all(Array.from({ length: 60 }, (_, i) => attempt(`nobody${i}@example.com`, `192.0.2.${i}`)));
    // One is worked on at least, two where there are cores for that, and 32 wait.
    expect(outcomes.filter((outcome) => outcome === "UNAUTHENTICATED").length).toBeGreaterThanOrEqual(33);
    expect(outcomes.filter((outcome) => !["UNAUTHENTICATED", "SIGN_IN_DELAYED"].includes(outcome))).toEqual([]);
  });
});

/**
 * Watches the event loop until the answer is called: the longest work between two ticks, in ms. CPU time of its own thread, for a busy machine
 * makes it wait without anything standing in its way.
 */
function longestTurn(): () => number {
  let longest = 0;
  let before = process.threadCpuUsage();
  const look = () => {
    const now = process.threadCpuUsage();
    longest = Math.max(longest, (now.user + now.system - before.user - before.system) / 1000);
    before = now;
  };
  const timer = setInterval(look, 5);
  return () => {
    clearInterval(timer);
    look();
    return longest;
  };
}

/** A sign-in that may take as long as the machine needs: how it went. */
async function attempt(email: string, address?: string): Promise<string> {
  const meta = address === undefined ? {} : { client: { address } };
  const outcome = await refusal(() => call(broker, "auth.login", { email, password }, { timeout: 60_000, meta }));
  return "answered" in outcome ? "signed in" : (outcome as { type: string }).type;
}
