import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Database } from "../../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../../test/database.ts";
import { queueDue } from "./caretaker.ts";

let test: TestDatabase;
let database: Database;
beforeAll(async () => {
  test = await testDatabase();
  database = await test.open("sync");
});
afterAll(() => test?.drop());

/** A tenant whose vault has had a key for so many days. */
async function vaultSince(days: number, state = "current"): Promise<string> {
  const tenant = crypto.randomUUID();
  await test.admin.query(
    `insert into sync.tenant_keys (id, tenant_id, state, master_key_id, wrapped_key, created_at) values (gen_random_uuid(), $1, $2, '', '', now() - $3 * interval '1 day')`,
    [tenant, state, days],
  );
  return tenant;
}
const queuedOf = async (tenant: string) =>
  (
    await test.admin.query<{ kind: string; options: object; status: string }>(
      `select kind, options from sync.sync_jobs where tenant_id = $1 order by kind`,
      [tenant],
    )
  ).rows;
const jobsEnd = (tenant: string) => test.admin.query(`update sync.sync_jobs set status = 'completed' where tenant_id = $1`, [tenant]);
const daysPass = (tenant: string, days: number) =>
  test.admin.query(`update sync.sync_jobs set created_at = created_at - $2 * interval '1 day' where tenant_id = $1`, [tenant, days]);

describe("Upkeep by itself", () => {
  it("collects weekly, reads back a share and ends retentions daily, and nothing twice", async () => {
    const [fresh, week, month] = [await vaultSince(0), await vaultSince(2), await vaultSince(30)];
    expect(await queueDue(database)).toBe(5);
    expect(await queuedOf(fresh)).toEqual([]);
    expect(await queuedOf(week)).toMatchObject([{ kind: "expire" }, { kind: "verify", options: { share: 3 } }]);
    expect((await queuedOf(month)).map(({ kind }) => kind)).toEqual(["collect", "expire", "verify"]);
    expect(await queueDue(database)).toBe(0);
    // What has not ended yet is not queued again, however old it is.
    await daysPass(month, 10);
    expect(await queueDue(database)).toBe(0);
    await jobsEnd(month);
    expect(await queueDue(database)).toBe(3);
    await jobsEnd(month);
    await daysPass(month, 2);
    expect(await queueDue(database)).toBe(2);
    const { rows } = await test.admin.query(`select count(*)::int as count from sync.actors where tenant_id = $1 and pending = 1`, [month]);
    expect(rows).toEqual([{ count: 8 }]);
  });

  it("clears a shredded vault away the same day, as long as it holds something", async () => {
    const [empty, full] = [await vaultSince(1, "destroyed"), await vaultSince(0, "destroyed")];
    await test.admin.query(
      `insert into sync.packs (id, tenant_id, storage_key, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key)
       values (gen_random_uuid(), $1, 'x', 1, 1, 1, gen_random_uuid(), '')`,
      [full],
    );
    expect(await queueDue(database)).toBe(1);
    expect([await queuedOf(empty), (await queuedOf(full)).map(({ kind }) => kind)]).toEqual([[], ["collect"]]);
  });

  it("is queued once when several nodes look at the same moment", async () => {
    const tenant = await vaultSince(30);
    const nodes = await Promise.all([1, 2, 3, 4].map(() => queueDue(database)));
    expect(nodes.reduce((sum, queued) => sum + queued)).toBe(3);
    expect(await queuedOf(tenant)).toHaveLength(3);
  });
});
