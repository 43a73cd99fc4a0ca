import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { call, type ActionMap, type ActionName } from "../../../config/calls.ts";
import type { Permission } from "../../../config/permissions.ts";
import type { Rule } from "../../../config/rules.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { testNode, type TestNode } from "../../../test/node.ts";
import { largestPrice } from "./attributes.ts";

const password = "correct horse battery staple";
const permissions: Permission[] = ["payment:read", "payment:write", "payment:refund"];

let database: TestDatabase;
let node: TestNode;
beforeAll(async () => {
  database = await testDatabase();
  node = await testNode(["auth", "payment"], database);
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
});

const as = <N extends ActionName>(claim: string, name: N, params: ActionMap[N]["params"]) =>
  call(node.broker, name, params, { meta: { claim } });
let made = 0;
async function organisation() {
  const email = `plans${++made}@example.com`;
  return await call(node.broker, "auth.organisations.create", { organisation: `Organisation ${made}`, email, password });
}
/** A person of an organisation whose permissions about payments have one rule. */
async function limited({ token, tenantId }: { token: string; tenantId: string }, limits: Partial<Rule>) {
  const [role, email, userId] = [`role${++made}`, `plans${made}@example.com`, randomUUID()];
  await as(token, "auth.roles.create", { name: role, permissions, rules: [{ name: "the rule", permissions, ...limits }] });
  await database.admin.query(
    `with u as (insert into auth.users (id, email, password_hash) select $1, $2, password_hash from auth.users limit 1)
     insert into auth.memberships (tenant_id, user_id, role) values ($3, $1, $4)`,
    [userId, email, tenantId, role],
  );
  return { userId, token: (await call(node.broker, "auth.login", { email, password })).token };
}

const cycle = { tenure: "regular", unit: "month", count: 1, total: 0 };
const insert = async (table: string, row: Record<string, unknown>) => {
  const id = randomUUID();
  const at = new Date().toISOString();
  const common = { id, checks: 0, stale: false, simulated: false, created_at: at, updated_at: at, paid_at: at, ended_at: at };
  await database.admin.query(`insert into ${table} select * from json_populate_record(null::${table}, $1)`, [
    JSON.stringify({ ...common, ...row }),
  ]);
  return id;
};
const plan = (tenantId: string, cycles: object[], of: { userId?: string; currency?: string; setupFee?: string } = {}) => {
  const { userId: user_id, currency = "EUR", setupFee } = of;
  const terms = { currency, cycles: cycles.map((one) => ({ ...cycle, ...one })), quantitySupported: true, ...(setupFee && { setupFee }) };
  const offered = { name: "spec", status: "active", paypal_plan_id: `P-${randomUUID()}`, product_id: "spec", starts_active: true };
  return insert("payment.plans", { tenant_id: tenantId, user_id, currency, terms, grace_days: 3, ...offered });
};
const subscription = (tenantId: string, planId: string, minor: number, of: Record<string, unknown> = {}) =>
  insert("payment.subscriptions", {
    ...{ tenant_id: tenantId, plan_id: planId, cycle_minor: minor, currency: "EUR", customer: `c${minor}`, quantity: 1, version: 0 },
    ...{ status: "cancelled", outstanding_minor: 0, failed_payments: 0, unit: "month", unit_count: 1, cycles: [] },
    ...of,
  });

const refused = { type: "FORBIDDEN", data: { rule: { name: "the rule" } } };
/** It passes the rules; what it meets then is no rule. */
const passes = async (asked: Promise<unknown>) => {
  const failure: unknown = await asked.then(
    () => null,
    (error: unknown) => error,
  );
  expect(failure ?? {}).not.toMatchObject({ code: 403 });
};
const idsOf = ({ data }: { data: { id: string }[] }) => new Set(data.map(({ id }) => id));

describe("plans and subscriptions under a role's rules", () => {
  const maximum = { amount: "500", currency: "EUR" };

  it("are as large as their largest payment: checks and lists agree, other organisations' count for nothing", async () => {
    const [one, other] = [await organisation(), await organisation()];
    const { tenantId } = one;
    const { token } = await limited(one, { maximum });
    const small = await plan(tenantId, [{ price: "500.00" }]);
    const large = [
      await plan(tenantId, [{ price: "500.01" }]),
      await plan(tenantId, [{ price: "1.00" }], { setupFee: "501" }),
      await plan(tenantId, [{ tenure: "trial", price: "600" }, { price: "1" }]),
      await plan(tenantId, [{ model: "tiered", tiers: [{ from: 1, amount: "501.00" }] }]),
      await plan(tenantId, [{ price: "5" }], { currency: "JPY" }),
    ];
    await plan(other.tenantId, [{ price: "1" }]);
    expect(idsOf(await as(token, "payment.plans.list", {}))).toEqual(new Set([small]));
    expect(await as(token, "payment.plans.get", { id: small })).toMatchObject({ id: small });
    for (const id of large) await expect(as(token, "payment.plans.get", { id })).rejects.toMatchObject(refused);

    const few = await subscription(tenantId, small, 50_000);
    const many = [
      await subscription(tenantId, small, 50_001),
      await subscription(tenantId, small, 100, { outstanding_minor: 50_001 }),
      await subscription(tenantId, small, 100, { currency: "JPY" }),
      await subscription(tenantId, small, 200),
    ];
    await insert("payment.subscription_payments", {
      ...{ tenant_id: tenantId, subscription_id: many[3], sale_id: "S1", status: "completed", amount_minor: 60_000, currency: "EUR" },
      ...{ refunded_minor: 0, refunds: [] },
    });
    expect(idsOf(await as(token, "payment.subscriptions.list", {}))).toEqual(new Set([few]));
    expect(idsOf(await as(one.token, "payment.subscriptions.list", {}))).toEqual(new Set([few, ...many]));
    expect(await as(token, "payment.subscriptions.get", { id: few })).toMatchObject({ id: few });
    expect(await as(token, "payment.subscriptions.payments", { id: few })).toMatchObject({ data: [] });
    for (const id of many) {
      await expect(as(token, "payment.subscriptions.get", { id })).rejects.toMatchObject(refused);
      for (const action of ["payments", "refresh", "suspend", "resume", "cancel"] as const)
        await expect(as(token, `payment.subscriptions.${action}`, { id })).rejects.toMatchObject(refused);
      await expect(as(token, "payment.subscriptions.capture", { id, note: "n" })).rejects.toMatchObject(refused);
      await expect(as(token, "payment.subscriptions.refund", { id, saleId: "S1" })).rejects.toMatchObject(refused);
    }
    await passes(as(token, "payment.subscriptions.cancel", { id: few }));
    await passes(as(token, "payment.subscriptions.refund", { id: few, saleId: "S1" }));
    expect(await as(token, "payment.subscriptions.entitled", { customer: "c50000" })).toMatchObject({ why: "ended" });
    await expect(as(token, "payment.subscriptions.entitled", { customer: "c50001" })).rejects.toMatchObject(refused);
    expect(await as(token, "payment.subscriptions.entitled", { customer: "nobody" })).toMatchObject({ why: "none" });
  });

  it("are made and changed within the rule alone, by what they come to in the quantity that is asked for", async () => {
    const one = await organisation();
    const { tenantId } = one;
    const { token } = await limited(one, { maximum });
    const create = (price: string, of: object = {}) =>
      as(token, "payment.plans.create", { name: "p", currency: "EUR", cycles: [{ tenure: "regular", unit: "month", price }], ...of });
    for (const asked of [create("500.01"), create("1", { setupFee: "501" }), create("1", { currency: "USD" })])
      await expect(asked).rejects.toMatchObject(refused);
    await passes(create("500"));
    await passes(create("x"));
    const id = await plan(tenantId, [{ price: "100.00" }]);
    const price = (to: string) => as(token, "payment.plans.price", { id, prices: [{ cycle: 1, price: to }] });
    await expect(price("501")).rejects.toMatchObject(refused);
    await passes(price("499"));
    const subscribe = (quantity: number) => as(token, "payment.subscriptions.create", { planId: id, customer: "c", quantity });
    await expect(subscribe(6)).rejects.toMatchObject(refused);
    await passes(subscribe(5));
    const running = await subscription(tenantId, id, 10_000);
    const change = (quantity: number) => as(token, "payment.subscriptions.change", { id: running, planId: id, quantity });
    await expect(change(6)).rejects.toMatchObject(refused);
    await passes(change(5));
    await expect(as(token, "payment.subscriptions.create", { planId: randomUUID(), customer: "c" })).rejects.toMatchObject({
      type: "PLAN_NOT_FOUND",
    });
  });

  it("about own ones show and touch what the caller has made, and a new one is the caller's", async () => {
    const one = await organisation();
    const [mine, theirs] = [await limited(one, { own: true }), await limited(one, { own: true })];
    const { tenantId } = one;
    const own = await plan(tenantId, [{ price: "1" }], { userId: mine.userId });
    const nobodys = await plan(tenantId, [{ price: "1" }]);
    const subscribed = await subscription(tenantId, nobodys, 100, { user_id: mine.userId });
    expect(idsOf(await as(mine.token, "payment.plans.list", {}))).toEqual(new Set([own]));
    expect(idsOf(await as(mine.token, "payment.subscriptions.list", {}))).toEqual(new Set([subscribed]));
    expect(await as(mine.token, "payment.plans.update", { id: own, graceDays: 5 })).toMatchObject({ graceDays: 5 });
    await expect(as(mine.token, "payment.plans.update", { id: nobodys, graceDays: 5 })).rejects.toMatchObject(refused);
    await passes(as(mine.token, "payment.subscriptions.create", { planId: nobodys, customer: "c" }));
    for (const list of ["payment.plans.list", "payment.subscriptions.list"] as const)
      expect(await as(theirs.token, list, {})).toMatchObject({ data: [] });
    await expect(as(theirs.token, "payment.plans.get", { id: own })).rejects.toMatchObject(refused);
    await expect(as(theirs.token, "payment.subscriptions.get", { id: subscribed })).rejects.toMatchObject(refused);
  });

  it("have a largest price whatever somebody wrote, before it is checked", () => {
    expect(largestPrice([{ price: "1" }, { tiers: [{ amount: "7.5" }, { amount: "x" }] }, {}], "2")).toBe(7.5);
    for (const odd of [undefined, null, "cycles", [null], [{ tiers: "x" }]]) expect(largestPrice(odd as never)).toBe(0);
  });
});
