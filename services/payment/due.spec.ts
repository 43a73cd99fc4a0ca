import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Database } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { sweepDue } from "./due.ts";

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
