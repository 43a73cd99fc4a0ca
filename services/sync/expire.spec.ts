import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { Database } from "../../mixins/database.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { expirePage, expireReports } from "./expire.ts";

let world: TestDatabase;
let database: Database;
let tenant: string;
beforeAll(async () => {
  world = await testDatabase();
  database = await world.open("sync");
});
afterAll(() => world?.drop());
beforeEach(() => {
  tenant = randomUUID();
});

/** An asset whose versions were made so many days ago, the oldest first. */
async function asset(settings: object, days: number[], gone?: number, of = tenant): Promise<string> {
  const source = randomUUID();
  const id = randomUUID();
  await world.admin.query(
    `insert into sync.sources (id, tenant_id, kind, uri, settings) values ($1::uuid, $2, 'file', 'file:///' || $1::text, $3)`,
    [source, of, settings],
  );
  await world.admin.query(
    `insert into sync.assets (id, tenant_id, source_id, path, name, version, content_id, size, fingerprint, gone_at)
     values ($1, $2, $3, 'a', 'a', $4, '\\x00', 1, '', now() - $5 * interval '1 day')`,
    [id, of, source, days.length, gone ?? null],
  );
  for (const [i, ago] of days.entries())
    await world.admin.query(
      `insert into sync.asset_versions (asset_id, version, tenant_id, content_id, masked_checksum, size, job_id, created_at)
       values ($1, $2, $3, '\\x00', '\\x00', 1, gen_random_uuid(), now() - $4 * interval '1 day')`,
      [id, i + 1, of, ago],
    );
  return id;
}
const versions = async (id: string) =>
  (
    await world.admin.query<{ version: number }>(`select version from sync.asset_versions where asset_id = $1 order by version`, [id])
  ).rows.map(({ version }) => version);
async function expire(of = tenant) {
  const sum = { versions: 0, assets: 0 };
  for (let after: string | null = ""; after !== null;) {
    const { expired, next } = await database.tenant(of, (em) => expirePage(em, of, after!));
    sum.versions += expired.versions;
    sum.assets += expired.assets;
    after = next;
  }
  return sum;
}

describe("Retention", () => {
  it("keeps so many versions whatever their age, everything that was replaced lately, and always the current one", async () => {
    const retention = { versions: 2, days: 10 };
    const old = await asset({ retention }, [100, 90, 80, 70, 60]);
    // The third was replaced five days ago: it is kept, though it is the third.
    const lately = await asset({ retention }, [100, 90, 80, 5, 4]);
    const lone = await asset({ retention: { versions: 1, days: 0 } }, [1000]);
    expect(await expire()).toEqual({ versions: 5, assets: 0 });
    expect(await versions(old)).toEqual([4, 5]);
    expect(await versions(lately)).toEqual([3, 4, 5]);
    expect(await versions(lone)).toEqual([1]);
    expect(await expire()).toEqual({ versions: 0, assets: 0 });
  });

  it("has defaults of a hundred versions and a year", async () => {
    const id = await asset(
      {},
      Array.from({ length: 105 }, (_, i) => 800 - i),
    );
    const young = await asset(
      {},
      Array.from({ length: 105 }, (_, i) => 200 - i),
    );
    expect(await expire()).toEqual({ versions: 5, assets: 0 });
    expect(await versions(id)).toHaveLength(100);
    expect(await versions(young)).toHaveLength(105);
  });

  it("gives up assets that have long been gone where deletions propagate, and only there; another organisation's stay", async () => {
    const gone = await asset({ deletions: "propagate" }, [90, 40], 40);
    const lately = await asset({ deletions: "propagate" }, [90, 20], 20);
    const marked = await asset({ deletions: "mark" }, [90, 40], 40);
    const other = randomUUID();
    const theirs = await asset({ deletions: "propagate" }, [90, 40], 40, other);
    expect(await expire()).toEqual({ versions: 2, assets: 1 });
    expect(await versions(gone)).toEqual([]);
    for (const id of [lately, marked, theirs]) expect(await versions(id)).toEqual([1, 2]);
    const { rows } = await world.admin.query(`select id from sync.assets where removed_at is not null`);
    expect(rows).toEqual([{ id: gone }]);
    // Its row follows a day later.
    await expire();
    expect((await world.admin.query(`select 1 from sync.assets where id = $1`, [gone])).rows).toHaveLength(1);
    await world.admin.query(`update sync.assets set removed_at = now() - interval '25 hours' where id = $1`, [gone]);
    await expire();
    expect((await world.admin.query(`select 1 from sync.assets where id = any($1)`, [[gone, lately, marked, theirs]])).rows).toHaveLength(
      3,
    );
  });

  it("removes the item reports of jobs that ended a month ago, and leaves the jobs", async () => {
    const job = async (days: number | null) => {
      const id = randomUUID();
      await world.admin.query(
        `insert into sync.sync_jobs (id, tenant_id, input, options, status, completed_at) values ($1, $2, 'x', '{}', 'completed', now() - $3 * interval '1 day')`,
        [id, tenant, days],
      );
      await world.admin.query(
        `insert into sync.batches (job_id, number, tenant_id, items, item_count, bytes) values ($1, 1, $2, '[]', 0, 0)`,
        [id, tenant],
      );
      return id;
    };
    const [, young, running] = [await job(40), await job(10), await job(null)];
    expect(await database.tenant(tenant, (em) => expireReports(em, tenant))).toBe(1);
    expect(await database.tenant(tenant, (em) => expireReports(em, tenant))).toBe(0);
    const { rows } = await world.admin.query<{ job_id: string }>(`select job_id from sync.batches where tenant_id = $1`, [tenant]);
    expect(rows.map(({ job_id }) => job_id).sort()).toEqual([young, running].sort());
    const { rows: jobs } = await world.admin.query(`select 1 from sync.sync_jobs where tenant_id = $1`, [tenant]);
    expect(jobs).toHaveLength(3);
  });
});
