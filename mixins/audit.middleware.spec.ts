import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { Context, ServiceSchema } from "moleculer";
import { randomUUID } from "node:crypto";
import Type from "typebox";
import { actionOf, strict } from "../config/action.ts";
import type { Act } from "../config/acts.ts";
import { platform, type Meta, type Permission } from "../config/permissions.ts";
import { errors } from "../config/errors.ts";
import type { Host } from "../config/service.ts";
import { testDatabase, type TestDatabase } from "../test/database.ts";
import { testNode, type TestNode } from "../test/node.ts";
import { describeAct, recordAct } from "./act.ts";
import type { Em } from "./database.ts";
import type { WithDatabase } from "./orm.mixin.ts";

const ours = "11111111-1111-4111-8111-111111111111";
const theirs = "22222222-2222-4222-8222-222222222222";
type Things = Host<WithDatabase>;
const action = actionOf<Things>();
const change = (em: Em, tenantId: string) =>
  em.execute(`insert into payment.streams (tenant_id, stream, version) values (?, ?, 1)`, [tenantId, randomUUID()], "run");

let world: TestDatabase;
let node: TestNode;
let claimOf: (tenantId: string, may: Permission[]) => Promise<string>;

async function things(): Promise<ServiceSchema[]> {
  const { ormMixin } = await import("./orm.mixin.ts");
  const { caller } = await import("../config/action.ts");
  const common = { description: "For the spec.", permission: "payment:write" as const };
  const byId = { ...common, params: strict({ id: Type.String({ minLength: 2 }) }) };
  const changed = { act: "thing.changed", object: "thing:id" } as const;
  const actions = {
    change: action({
      ...byId,
      audit: changed,
      async handler(ctx) {
        const { tenantId } = caller(ctx);
        // A transaction that changes nothing is not the act.
        await this.db.tenant(tenantId, (em) => em.execute("select 1"));
        await this.db.tenant(tenantId, (em) => change(em, tenantId));
        await this.db.tenant(tenantId, (em) => change(em, tenantId));
      },
    }),
    make: action({
      ...common,
      params: strict({}),
      audit: "thing.made",
      async handler(ctx) {
        const { tenantId } = caller(ctx);
        await this.db.tenant(tenantId, async (em) => {
          await change(em, tenantId);
          describeAct({ object: "thing:new", details: { of: "paper\u0000", sheets: 2 } });
        });
      },
    }),
    show: action({ ...byId, audit: changed, handler: (ctx) => Promise.resolve(ctx.params.id) }),
    rollBack: action({
      ...byId,
      audit: changed,
      async handler(ctx) {
        const { tenantId } = caller(ctx);
        await this.db.tenant(tenantId, async (em) => {
          await change(em, tenantId);
          throw errors.conflict("Not now.");
        });
      },
    }),
    breakOff: action({
      ...byId,
      audit: changed,
      async handler(ctx) {
        const { tenantId } = caller(ctx);
        await this.db.tenant(tenantId, (em) => change(em, tenantId));
        throw new Error("secret@example.com");
      },
    }),
    nest: action({
      ...byId,
      audit: { act: "thing.nested", object: "thing:id" },
      async handler(ctx) {
        await ctx.call("things.rollBack", ctx.params).catch(() => {});
        await ctx.call("things.change", ctx.params);
      },
    }),
    plain: action({
      ...byId,
      async handler(ctx) {
        const { tenantId } = caller(ctx);
        await this.db.tenant(tenantId, (em) => change(em, tenantId));
      },
    }),
    open: action({
      ...byId,
      permission: "public",
      async handler(ctx) {
        await this.db.system((em) =>
          recordAct(em, "payment", {
            action: "thing.knocked",
            outcome: "refused",
            code: "UNAUTHENTICATED",
            object: `thing:${ctx.params.id}`,
          }),
        );
      },
    }),
  };
  return [{ name: "things", mixins: [ormMixin("payment")], actions } as unknown as ServiceSchema];
}

beforeAll(async () => {
  world = await testDatabase();
  node = await testNode(things, world);
  const { env } = await import("../config/env.ts");
  const { serviceClaim } = await import("./claim.ts");
  claimOf = (tenantId, may) => serviceClaim(env.CLUSTER_SECRET, "spec", tenantId, may);
});
afterAll(async () => {
  await node?.stop();
  await world?.drop();
});
beforeEach(() => world.admin.query("delete from payment.acts; delete from payment.outbox; delete from payment.streams"));

const ask = async (name: string, params: object, tenantId = ours, may: Permission[] = ["payment:write"]) =>
  await node.broker.call(`things.${name}`, params, {
    meta: { claim: await claimOf(tenantId, may), client: { address: "203.0.113.7", userAgent: "spec/1" } } satisfies Meta,
    requestID: "request-1",
  } as object as Context["options"]);

const acts = async () => (await world.admin.query<{ act: Act }>("select act from payment.acts order by id")).rows.map(({ act }) => act);
const changes = async () => (await world.admin.query("select 1 from payment.streams")).rowCount;

test("an act is recorded once, by the transaction that does it, with all that is known of the call", async () => {
  await ask("change", { id: "seven" });
  const { id, at, ...act } = (await acts())[0]!;
  expect(act).toEqual({
    tenantId: ours,
    actor: "service:spec",
    userId: null,
    action: "thing.changed",
    object: "thing:seven",
    outcome: "allowed",
    code: null,
    call: "things.change",
    requestId: "request-1",
    node: node.broker.nodeID,
    details: null,
    address: "203.0.113.7",
    userAgent: "spec/1",
  });
  expect(Date.now() - Date.parse(at)).toBeLessThan(60_000);
  const { rows } = await world.admin.query("select tenant_id, subject, message_id, payload from payment.outbox");
  expect(rows).toEqual([{ tenant_id: ours, subject: "act.payment", message_id: id, payload: { ...act, id, at } }]);
  // The same transaction: PostgreSQL says so.
  const { rows: transactions } = await world.admin.query(
    "select 1 from payment.acts a join payment.streams s on s.xmin = a.xmin join payment.outbox o on o.xmin = a.xmin",
  );
  expect(transactions).toHaveLength(1);
});

test("where the record can't be written the act is not done", async () => {
  await world.admin.query("alter table payment.acts add constraint none check (false) not valid");
  try {
    await expect(ask("change", { id: "seven" })).rejects.toThrow("none");
    expect(await changes()).toBe(0);
    await expect(ask("show", { id: "seven" })).rejects.toMatchObject({ type: "SERVICE_UNAVAILABLE" });
  } finally {
    await world.admin.query("alter table payment.acts drop constraint none");
  }
});

test("a handler names what it makes, and characters that can't be stored are taken out", async () => {
  await ask("make", {});
  expect(await acts()).toMatchObject([{ action: "thing.made", object: "thing:new", details: { of: "paper ", sheets: 2 } }]);
});

test("an act that changes no table is recorded before its answer leaves", async () => {
  expect(await ask("show", { id: "seven" })).toBe("seven");
  expect(await acts()).toMatchObject([{ action: "thing.changed", outcome: "allowed", object: "thing:seven" }]);
});

test("a refusal is recorded with its code, and so is a failure, beside what had been done before it", async () => {
  await expect(ask("rollBack", { id: "seven" })).rejects.toMatchObject({ type: "CONFLICT" });
  await expect(ask("breakOff", { id: "eight" })).rejects.toThrow();
  expect(await acts()).toMatchObject([
    { outcome: "refused", code: "CONFLICT", object: "thing:seven" },
    { outcome: "allowed", code: null, object: "thing:eight" },
    { outcome: "failed", code: "INTERNAL_ERROR", object: "thing:eight" },
  ]);
  expect(JSON.stringify(await acts())).not.toContain("secret@example.com");
});

test("a caller without the permission is recorded, whether or not the action is audited; params that do not fit are not", async () => {
  await expect(ask("change", { id: "seven" }, theirs, ["payment:read"])).rejects.toMatchObject({ code: 403 });
  await expect(ask("plain", { id: "seven" }, theirs, ["payment:read"])).rejects.toMatchObject({ code: 403 });
  await expect(ask("change", { id: "x" })).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
  await expect(node.broker.call("things.plain", { id: "seven" }, { meta: { claim: "nonsense" } })).rejects.toMatchObject({ code: 401 });
  expect(await acts()).toMatchObject([
    { tenantId: theirs, action: "thing.changed", outcome: "refused", code: "FORBIDDEN", object: "thing:seven" },
    { tenantId: theirs, action: "access.refused", outcome: "refused", code: "FORBIDDEN", object: "action:things.plain" },
  ]);
});

test("an action without the flag leaves no record", async () => {
  await ask("plain", { id: "seven" });
  expect(await acts()).toEqual([]);
});

test("an audited call inside of another is its own act, and neither is recorded by the other's transactions", async () => {
  await ask("nest", { id: "seven" });
  expect((await acts()).map(({ action, outcome, call }) => [action, outcome, call]).sort()).toEqual([
    ["thing.changed", "allowed", "things.change"],
    ["thing.changed", "refused", "things.rollBack"],
    ["thing.nested", "allowed", "things.nest"],
  ]);
});

test("what a public action records of a stranger is the platform's, with the stranger's address", async () => {
  await node.broker.call("things.open", { id: "seven" }, { meta: { client: { address: "203.0.113.8" } } });
  expect(await acts()).toMatchObject([
    { tenantId: platform, actor: null, action: "thing.knocked", outcome: "refused", call: "things.open", address: "203.0.113.8" },
  ]);
});
