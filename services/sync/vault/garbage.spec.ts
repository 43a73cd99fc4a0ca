import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Database } from "../../../mixins/database.ts";
import { testVault, type TestVault } from "../../../test/vault.ts";
import { findGarbage, removeGarbage } from "./garbage.ts";

let vault: TestVault;
let database: Database;
beforeAll(async () => {
  vault = await testVault();
  database = await vault.database.open("sync");
});
afterAll(() => vault?.close());

/** A content that nothing refers to any more, and another file. */
async function garbageOf(tenant: string): Promise<string> {
  vault.write(tenant, "a.txt", "unwanted");
  await vault.sync(tenant);
  vault.write(tenant, "a.txt", "wanted");
  await vault.sync(tenant);
  await vault.query(`delete from sync.asset_versions where tenant_id = $1 and version = 1`, [tenant]);
  const { garbage, next } = await database.tenant(tenant, (em) => findGarbage(em, tenant, ""));
  expect({ garbage: garbage.length, next }).toEqual({ garbage: 1, next: null });
  return garbage[0]!;
}
const remove = (tenant: string, garbage: string[]) => database.tenant(tenant, (em) => removeGarbage(em, tenant, garbage));

describe("A content that nothing refers to", () => {
  it("stays when a job has found it known since it was looked at, recorded or not", async () => {
    const tenant = crypto.randomUUID();
    const garbage = await garbageOf(tenant);
    const job = vault.database.admin;
    // What record.ts does: the content is held until the version that refers to it is committed.
    await job.query("begin");
    await job.query(`select 1 from sync.blobs where tenant_id = $1 and content_id = decode($2, 'hex') and part = 0 for key share`, [
      tenant,
      garbage,
    ]);
    expect(await remove(tenant, [garbage])).toEqual({ contents: 0, bytes: 0 });
    await job.query(
      `insert into sync.asset_versions (asset_id, version, tenant_id, content_id, masked_checksum, size, job_id)
       select id, 9, tenant_id, decode($2, 'hex'), '', 0, id from sync.assets where tenant_id = $1`,
      [tenant, garbage],
    );
    await job.query("commit");
    expect(await remove(tenant, [garbage])).toEqual({ contents: 0, bytes: 0 });
    expect((await database.tenant(tenant, (em) => findGarbage(em, tenant, ""))).garbage).toEqual([]);
    await vault.query(`delete from sync.asset_versions where tenant_id = $1 and version = 9`, [tenant]);
    expect(await remove(tenant, [garbage])).toMatchObject({ contents: 1 });
  });

  it("is stored again by a job that has found it known while it was being removed", async () => {
    const tenant = crypto.randomUUID();
    const garbage = await garbageOf(tenant);
    let removed!: () => void;
    let commit!: () => void;
    const isRemoved = new Promise<void>((resolve) => (removed = resolve));
    const mayCommit = new Promise<void>((resolve) => (commit = resolve));
    const removing = database.tenant(tenant, async (em) => {
      expect(await removeGarbage(em, tenant, [garbage])).toMatchObject({ contents: 1 });
      removed();
      await mayCommit;
    });
    await isRemoved;
    vault.write(tenant, "b.txt", "unwanted");
    const syncing = vault.sync(tenant);
    const waits = () =>
      vault.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock' and query like '%for key share%'`,
      );
    for (let i = 0; i < 200 && !(await waits()).length; i++) await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await waits()).toHaveLength(1);
    commit();
    await removing;
    expect(await syncing).toMatchObject({ status: "completed", items: { failed: 0 } });
    const asset = (await vault.assets(tenant)).find(({ path }) => path === "b.txt")!;
    expect((await vault.read(tenant, asset.id)).toString()).toBe("unwanted");
  });

  it("is found however many contents there are, and only by its own tenant", async () => {
    const [tenant, other] = [crypto.randomUUID(), crypto.randomUUID()];
    for (const each of [tenant, other]) {
      await vault.query(
        `insert into sync.blobs (tenant_id, content_id, pack_id, position, size)
         select $1, sha256((i::text)::bytea), gen_random_uuid(), 0, 1 from generate_series(1, 25000) i`,
        [each],
      );
    }
    let found = 0;
    let pages = 0;
    for (let at: string | null = ""; at !== null; pages++) {
      const page: { garbage: string[]; next: string | null } = await database.tenant(tenant, (em) => findGarbage(em, tenant, at!));
      found += (await remove(tenant, page.garbage)).contents;
      at = page.next;
    }
    expect({ found, pages }).toEqual({ found: 25_000, pages: 3 });
    expect(await vault.query(`select count(*)::int as count from sync.blobs where tenant_id = $1`, [other])).toEqual([{ count: 25_000 }]);
  });
});
