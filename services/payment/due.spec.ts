import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Database } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { explaining } from "../../test/plans.ts";
import { dueOf, sweepDue, tables } from "./due.ts";

describe("what is due", () => {
  let database: TestDatabase;
  let db: Database;
  const [noisy, calm] = [randomUUID(), randomUUID()];
  beforeAll(async () => {
    database = await testDatabase();
    db = await database.open("payment");
  });
  afterAll(() => database?.drop());
  beforeEach(() => database.admin.query("delete from payment.payments"));

  /** A payment that is due since so many seconds. */
  async function due(tenantId: string, seconds: number): Promise<string> {
    const id = randomUUID();
    await database.admin.query(
      `insert into payment.payments (id, tenant_id, amount, amount_minor, currency, next_check_at) values ($1, $2, 5, 500, 'EUR', now() - $3 * interval '1 second')`,
      [id, tenantId, seconds],
    );
    return id;
  }

  it("of one organisation does not wait for another one's that hangs", async () => {
    for (let seconds = 60; seconds > 50; seconds--) await due(noisy, seconds);
    const ours = await due(calm, 1);
    let release = () => {};
    const done = new Promise<void>((resolve) => (release = resolve));
    const worked: string[] = [];
    // Theirs hang until ours is done: if ours had to wait for them, this would never end.
    const swept = await sweepDue({ db }, "payments", 20, async (id) => {
      worked.push(id);
      if (id === ours) release();
      await done;
    });
    expect(swept).toBe(11);
    expect(worked.indexOf(ours)).toBeLessThan(2);
  });

  it("gives every organisation a turn before any gets a second, the longest due first", async () => {
    const theirs = [await due(noisy, 60), await due(noisy, 59), await due(noisy, 58)];
    const ours = await due(calm, 1);
    const worked: string[] = [];
    await sweepDue({ db }, "payments", 3, (id) => Promise.resolve(worked.push(id)));
    expect(worked.sort()).toEqual([theirs[0]!, theirs[1]!, ours].sort());
  });

  it("gives a turn to everybody beside a backlog, and reads a bounded part of it by indexes", async () => {
    await database.admin.query(
      `insert into payment.payments (id, tenant_id, amount, amount_minor, currency, next_check_at)
       select gen_random_uuid(), $1, 5, 500, 'EUR', now() - (i + 60) * interval '1 second' from generate_series(1, 20000) i
       union all select gen_random_uuid(), gen_random_uuid(), 5, 500, 'EUR', now() + interval '1 hour' from generate_series(1, 100)`,
      [noisy],
    );
    const ours = [await due(calm, 2), await due(calm, 1)];
    await database.admin.query("analyze payment.payments");
    const { found, cost } = await db.system(async (em) => {
      const explained = explaining(em, ["payments"]);
      return { found: await dueOf(explained.em, "payments", 20), cost: explained.cost };
    });
    expect(found.slice(0, 4).map(({ tenantId }) => tenantId)).toEqual([noisy, calm, noisy, calm]);
    expect(found.filter(({ tenantId }) => tenantId === calm).map(({ id }) => id)).toEqual(ours);
    expect(found).toHaveLength(20);
    expect(cost.scanned).toEqual([]);
    expect(cost.rows).toBeLessThan(1_500);
    expect(cost.sorted).toBeLessThan(100);
  });

  it.each([...tables])("is looked for in %s", async (table) => {
    await database.admin.query("delete from payment.payments");
    expect(await db.system((em) => dueOf(em, table, 20))).toEqual([]);
  });

  it("is all worked on though some of it fails, which is then told", async () => {
    const ids = [await due(noisy, 60), await due(noisy, 59), await due(calm, 1)];
    const worked: string[] = [];
    const sweeping = sweepDue({ db }, "payments", 20, (id) => {
      worked.push(id);
      return id === ids[0] ? Promise.reject(new Error("no credentials")) : Promise.resolve();
    });
    await expect(sweeping).rejects.toThrow("no credentials");
    expect(worked.sort()).toEqual([...ids].sort());
  });
});
