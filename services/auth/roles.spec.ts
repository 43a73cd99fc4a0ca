import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { strict } from "../../config/action.ts";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { Permission } from "../../config/permissions.ts";
import type { Rule } from "../../config/rules.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { until } from "../../test/edge.ts";
import { testNode, type TestNode } from "../../test/node.ts";

const password = "correct horse battery staple";
let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;

beforeAll(async () => {
  database = await testDatabase();
  node = await testNode(["auth", "sync", "payment"], database);
  broker = node.broker;
  const action = (permission: Permission) => ({ description: "Opens.", permission, params: strict({}), handler: () => "opened" });
  broker.createService({ name: "door", actions: { sync: action("sync:write") as never, refund: action("payment:refund") as never } });
  await broker.waitForServices("door");
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim } });
const open = (claim: string, door: string) => broker.call<string, object>(`door.${door}`, {}, { meta: { claim } });

let made = 0;
async function organisation() {
  const email = `roles${++made}@example.com`;
  return { email, ...(await call(broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password })) };
}
/** A person of an organisation with a role. */
async function person(tenantId: string, role: string) {
  const email = `roles${++made}@example.com`;
  const userId = randomUUID();
  await database.admin.query(
    `with u as (insert into auth.users (id, email, password_hash) select $1, $2, password_hash from auth.users limit 1)
     insert into auth.memberships (tenant_id, user_id, role) values ($3, $1, $4)`,
    [userId, email, tenantId, role],
  );
  return { userId, email, token: (await call(broker, "auth.login", { email, password })).token };
}

describe("a role of an organisation", () => {
  test("gives what it says, and a change of it takes effect for tokens that were issued before, in both directions", async () => {
    const { token, tenantId } = await organisation();
    await as(token, "auth.roles.create", { name: "loader", permissions: ["sync:read"] });
    const loader = await person(tenantId, "loader");
    await expect(open(loader.token, "sync")).rejects.toMatchObject({ type: "FORBIDDEN", data: { permission: "sync:write" } });
    await as(token, "auth.roles.update", { name: "loader", permissions: ["sync:read", "sync:write"] });
    await until(async () => (await open(loader.token, "sync").catch(() => false)) === "opened", "more rights");
    await as(token, "auth.roles.update", { name: "loader", permissions: ["sync:read"] });
    await until(
      () =>
        open(loader.token, "sync").then(
          () => false,
          () => true,
        ),
      "fewer rights",
    );
    await expect(as(loader.token, "sync.jobs.list", {})).resolves.toMatchObject({ data: [] });
  });

  test("can't give what its maker lacks, nor be changed by who lacks what it gives", async () => {
    const { token, tenantId } = await organisation();
    await as(token, "auth.roles.create", { name: "chief", permissions: ["roles:read", "roles:write", "sync:read"] });
    const chief = await person(tenantId, "chief");
    await expect(as(chief.token, "auth.roles.create", { name: "more", permissions: ["payment:refund"] })).rejects.toMatchObject({
      type: "PERMISSION_NOT_HELD",
      data: { permissions: ["payment:refund"] },
    });
    await expect(as(chief.token, "auth.roles.update", { name: "chief", permissions: ["org:write"] })).rejects.toMatchObject({
      type: "PERMISSION_NOT_HELD",
    });
    await as(token, "auth.roles.create", { name: "cashier", permissions: ["payment:write"] });
    await expect(as(chief.token, "auth.roles.update", { name: "cashier", permissions: [] })).rejects.toMatchObject({ code: 403 });
    await expect(as(chief.token, "auth.roles.remove", { name: "cashier" })).rejects.toMatchObject({ code: 403 });
    await expect(as(chief.token, "auth.roles.create", { name: "reader", permissions: ["sync:read"] })).resolves.toMatchObject({
      builtIn: false,
    });
  });

  test("is unknown to other organisations, can't take a common name, and stays while somebody has it", async () => {
    const [ours, theirs] = [await organisation(), await organisation()];
    await as(ours.token, "auth.roles.create", { name: "loader", permissions: ["sync:read"] });
    expect((await as(theirs.token, "auth.roles.list", {})).map(({ name }) => name)).not.toContain("loader");
    await expect(as(theirs.token, "auth.roles.update", { name: "loader", permissions: [] })).rejects.toMatchObject({ code: 404 });
    await expect(as(ours.token, "auth.roles.create", { name: "owner", permissions: [] })).rejects.toMatchObject({ code: 409 });
    await expect(as(ours.token, "auth.roles.create", { name: "loader", permissions: [] })).rejects.toMatchObject({ code: 409 });
    await person(ours.tenantId, "loader");
    await expect(as(ours.token, "auth.roles.remove", { name: "loader" })).rejects.toMatchObject({ type: "CONFLICT" });
    await database.admin.query("delete from auth.memberships where tenant_id = $1 and role = 'loader'", [ours.tenantId]);
    await as(ours.token, "auth.roles.remove", { name: "loader" });
    expect((await as(ours.token, "auth.roles.list", {})).every(({ builtIn }) => builtIn)).toBe(true);
  });

  test("with rules that would limit nothing is refused, each fault by its place", async () => {
    const { token } = await organisation();
    const rules: Rule[] = [
      { name: "a", permissions: ["payment:write"], own: true, sources: [randomUUID()] },
      { name: "a", permissions: ["assets:read"] },
      {
        name: "c",
        permissions: ["payment:write"],
        hours: { days: [1], from: "08:00", to: "08:00", timeZone: "Mars/Olympus" },
      },
    ];
    await expect(as(token, "auth.roles.create", { name: "odd", permissions: ["payment:write"], rules })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: {
        faults: [
          "/rules/0/sources",
          "/rules/1/name",
          "/rules/1/permissions/0",
          "/rules/1",
          "/rules/2/hours/timeZone",
          "/rules/2/hours/to",
        ].map((pointer) => expect.objectContaining({ pointer }) as unknown),
      },
    });
  });
});

describe("a rule of a role", () => {
  const payment = (tenantId: string, userId: string | null, amount: number, currency = "EUR") => {
    const id = randomUUID();
    return database.admin
      .query(
        "insert into payment.payments (id, tenant_id, user_id, amount, amount_minor, currency) values ($1, $2, $3, $4, $4::numeric * 100, $5)",
        [id, tenantId, userId, amount, currency],
      )
      .then(() => id);
  };

  test("about amounts answers the check and filters the list alike, and is named by the refusal", async () => {
    const [{ token, tenantId }, other] = [await organisation(), await organisation()];
    const rule: Rule = { name: "up to 500", permissions: ["payment:read", "payment:write"], maximum: { amount: "500", currency: "EUR" } };
    await as(token, "auth.roles.create", { name: "clerk", permissions: ["payment:read", "payment:write"], rules: [rule] });
    const clerk = await person(tenantId, "clerk");
    const [small, exact, large, dollars] = [
      await payment(tenantId, null, 1),
      await payment(tenantId, null, 500),
      await payment(tenantId, null, 500.01),
      await payment(tenantId, null, 1, "USD"),
    ];
    await payment(other.tenantId, null, 1);
    const seen = (await as(clerk.token, "payment.list", {})).data.map(({ id }) => id);
    expect(new Set(seen)).toEqual(new Set([small, exact]));
    for (const id of [small, exact]) await expect(as(clerk.token, "payment.get", { id })).resolves.toMatchObject({ id });
    for (const id of [large, dollars])
      await expect(as(clerk.token, "payment.get", { id })).rejects.toMatchObject({
        type: "FORBIDDEN",
        data: { permission: "payment:read", role: "clerk", rule: { name: "up to 500", maximum: { amount: "500", currency: "EUR" } } },
      });
    await expect(as(clerk.token, "payment.create", { amount: "501.00", currency: "EUR" })).rejects.toMatchObject({
      data: { rule: { name: "up to 500" } },
    });
    // The rule lets it through; what it meets then is no rule.
    await expect(as(clerk.token, "payment.create", { amount: "499.00", currency: "EUR" })).rejects.not.toMatchObject({ code: 403 });
    expect((await as(token, "payment.list", {})).data).toHaveLength(4);
  });

  test("about own things shows and touches what the caller has made", async () => {
    const { token, tenantId } = await organisation();
    const rules: Rule[] = [{ name: "own ones", permissions: ["payment:read"], own: true }];
    await as(token, "auth.roles.create", { name: "self", permissions: ["payment:read"], rules });
    const [mine, hers] = [await person(tenantId, "self"), await person(tenantId, "self")];
    const [a, b, nobodys] = [
      await payment(tenantId, mine.userId, 1),
      await payment(tenantId, hers.userId, 1),
      await payment(tenantId, null, 1),
    ];
    expect((await as(mine.token, "payment.list", {})).data.map(({ id }) => id)).toEqual([a]);
    expect((await as(hers.token, "payment.list", {})).data.map(({ id }) => id)).toEqual([b]);
    for (const id of [b, nobodys]) await expect(as(mine.token, "payment.get", { id })).rejects.toMatchObject({ code: 403 });
  });

  test("about sources holds for sources, their jobs and assets; what can't be told apart by source is closed", async () => {
    const { token, tenantId } = await organisation();
    const ids: string[] = [];
    for (const name of ["a", "b"]) {
      const id = randomUUID();
      ids.push(id);
      await database.admin.query("insert into sync.sources (id, tenant_id, kind, uri, name) values ($1, $2, 'file', $3, $4)", [
        id,
        tenantId,
        `file:///${name}`,
        name,
      ]);
      await database.admin.query("insert into sync.sync_jobs (tenant_id, source_id, input, options) values ($1, $2, 'x', '{}')", [
        tenantId,
        id,
      ]);
      await database.admin.query(
        `insert into sync.assets (id, tenant_id, source_id, path, name, content_id, size, fingerprint) values ($1, $2, $1, $3, $3, '\\x00', 1, 'x')`,
        [id, tenantId, name],
      );
    }
    const [a, b] = ids as [string, string];
    const permissions: Permission[] = ["sync:read", "sync:write", "assets:read"];
    const rules: Rule[] = [{ name: "only a", permissions, sources: [a] }];
    await as(token, "auth.roles.create", { name: "of-a", permissions, rules });
    const { token: limited } = await person(tenantId, "of-a");
    expect((await as(limited, "sync.sources.list", {})).data.map(({ id }) => id)).toEqual([a]);
    expect((await as(limited, "sync.jobs.list", {})).data.map(({ sourceId }) => sourceId)).toEqual([a]);
    expect((await as(limited, "sync.assets.list", {})).data.map(({ id }) => id)).toEqual([a]);
    await expect(as(limited, "sync.assets.get", { id: a })).resolves.toMatchObject({ id: a });
    const denied = { type: "FORBIDDEN", data: { rule: { name: "only a" } } };
    await expect(as(limited, "sync.assets.get", { id: b })).rejects.toMatchObject(denied);
    await expect(as(limited, "sync.sources.get", { id: b })).rejects.toMatchObject(denied);
    await expect(as(limited, "sync.jobs.create", { sourceId: b })).rejects.toMatchObject(denied);
    await expect(as(limited, "sync.jobs.create", { input: "file:///b" })).rejects.toMatchObject(denied);
    await expect(as(limited, "sync.jobs.createMany", { jobs: [{ sourceId: a }, { sourceId: b }] })).rejects.toMatchObject(denied);
    await expect(as(limited, "sync.assets.statistics", {})).rejects.toMatchObject(denied);
    expect((await as(token, "sync.assets.list", {})).data).toHaveLength(2);
  });

  test("about hours shuts the permission outside of them", async () => {
    const { token, tenantId } = await organisation();
    const today = ((new Date().getUTCDay() + 6) % 7) + 1;
    const hours = (days: number[]) => ({ days, from: "00:00", to: "23:59", timeZone: "UTC" });
    const rule = (days: number[]): Rule[] => [{ name: "work days", permissions: ["sync:write"], hours: hours(days) }];
    const others = [1, 2, 3, 4, 5, 6, 7].filter((day) => day !== today && day !== (today % 7) + 1);
    await as(token, "auth.roles.create", { name: "shift", permissions: ["sync:write"], rules: rule(others) });
    const { token: shift } = await person(tenantId, "shift");
    await expect(open(shift, "sync")).rejects.toMatchObject({ data: { rule: { name: "work days" } } });
  });

  test("that is confidential is not told to who can't read roles", async () => {
    const { token, tenantId } = await organisation();
    const rules: Rule[] = [
      { name: "fraud", permissions: ["payment:write"], maximum: { amount: "9", currency: "EUR" }, confidential: true },
    ];
    await as(token, "auth.roles.create", { name: "clerk", permissions: ["payment:write", "org:read"], rules });
    const clerk = await person(tenantId, "clerk");
    const refusal: unknown = await as(clerk.token, "payment.create", { amount: "10.00", currency: "EUR" }).catch((error: unknown) => error);
    expect(refusal).toMatchObject({ type: "FORBIDDEN", data: { permission: "payment:write" } });
    expect(JSON.stringify([refusal, (refusal as Error).message])).not.toMatch(/fraud|"9"/);
    const thing = { kind: "payment" as const, amount: "10", currency: "EUR" };
    const own = await as(clerk.token, "auth.roles.explain", { permission: "payment:write", thing });
    expect(own).toMatchObject({ allowed: false, rules: [] });
    const subject = `user:${clerk.userId}`;
    const told = await as(token, "auth.roles.explain", { subject, action: "payment.create", thing });
    expect(told).toMatchObject({ allowed: false, role: "clerk", permission: "payment:write", rules: [{ name: "fraud" }] });
    expect(told.reason).toContain("fraud");
    const said: string[] = [];
    jest.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
    jest.spyOn(console, "table").mockImplementation((rows: { name: string }[]) => void said.push(...rows.map(({ name }) => name)));
    const { default: commands } = await import("./roles.repl.ts");
    await commands[0]!.action(broker, { tenant: tenantId, subject, what: "payment.create" });
    jest.restoreAllMocks();
    expect(said).toEqual([expect.stringMatching(/^yes: The role clerk has payment:write/), "fraud"]);
    expect(await as(token, "auth.roles.explain", { subject, permission: "payment:write", thing: { ...thing, amount: "9" } })).toMatchObject(
      {
        allowed: true,
      },
    );
    await expect(as(clerk.token, "auth.roles.explain", { subject: `user:${randomUUID()}`, permission: "org:read" })).rejects.toMatchObject({
      code: 403,
    });
  });

  test("can't be shaken off by a key, and holds no longer for who is no member", async () => {
    const { token, tenantId } = await organisation();
    const rules: Rule[] = [{ name: "small", permissions: ["payment:write"], maximum: { amount: "9", currency: "EUR" } }];
    await as(token, "auth.roles.create", { name: "maker", permissions: ["payment:write", "keys:write", "sync:write"], rules });
    const maker = await person(tenantId, "maker");
    await expect(
      as(maker.token, "auth.apikeys.create", { name: "big", permissions: ["sync:write", "payment:write"] }),
    ).rejects.toMatchObject({
      type: "PERMISSION_NOT_HELD",
      data: { permissions: ["payment:write"] },
    });
    await expect(open(maker.token, "sync")).resolves.toBe("opened");
    await database.admin.query("delete from auth.memberships where user_id = $1", [maker.userId]);
    await broker.broadcast("policy.changed", { tenantId, version: 1_000_000 });
    await until(
      () =>
        open(maker.token, "sync").then(
          () => false,
          () => true,
        ),
      "the end of the membership",
    );
  });
});
