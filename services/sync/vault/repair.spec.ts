import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { testVault, type TestVault } from "../../../test/vault.ts";

const MIB = 2 ** 20;
const copy = mkdtempSync(join(tmpdir(), "legendo-copy-"));
let vault: TestVault;
beforeAll(async () => {
  vault = await testVault({ VAULT_COPY_URL: pathToFileURL(copy).href });
});
afterAll(async () => {
  await vault?.close();
  rmSync(copy, { recursive: true, force: true });
});

/** Twenty small files in one pack and a large one of three parts. */
async function filled(): Promise<{ tenant: string; files: Record<string, Buffer>; small: string; parts: string[] }> {
  const tenant = crypto.randomUUID();
  const files: Record<string, Buffer> = { "large.bin": randomBytes(17 * MIB) };
  for (let i = 0; i < 20; i++) files[`${i}.txt`] = i % 2 ? randomBytes(50_000) : Buffer.from(`line ${i} `.repeat(5_000));
  for (const [path, bytes] of Object.entries(files)) vault.write(tenant, path, bytes);
  await vault.sync(tenant);
  const found = await vault.query<{ pack_id: string; part: number; several: boolean }>(
    `select distinct pack_id, part, exists (select 1 from sync.blobs o where o.content_id = b.content_id and o.part = 1) as several
     from sync.blobs b where tenant_id = $1 order by part`,
    [tenant],
  );
  const parts = found.filter(({ several }) => several).map(({ pack_id }) => pack_id);
  return { tenant, files, small: found.find(({ several }) => !several)!.pack_id, parts };
}
/** Overwrites an object's header and the start of its first chunk. */
const overwrite = (file: string) => writeFileSync(file, Buffer.alloc(100), { flag: "r+" });
async function everythingReads(tenant: string, files: Record<string, Buffer>): Promise<void> {
  for (const { id, path } of await vault.assets(tenant))
    expect({ path, same: (await vault.read(tenant, id)).equals(files[path]!) }).toEqual({ path, same: true });
}
const sources = (tenant: string) => rmSync(vault.source(tenant), { recursive: true });

describe("Repair", () => {
  it("takes from the second copy what storage has lost, and asks no source for it", async () => {
    const { tenant, files, small, parts } = await filled();
    await vault.upkeep(tenant, "collect");
    sources(tenant);
    rmSync(vault.object(tenant, small));
    truncateSync(vault.object(tenant, parts[1]!), 4 * MIB);
    expect((await vault.upkeep(tenant, "verify")).result).toMatchObject({ damaged: 2 });
    const job = await vault.upkeep(tenant, "repair");
    expect(job).toMatchObject({
      status: "completed",
      progress: 100,
      result: { packs: 2, blobs: { pack: 0, copy: 21, sources: 0 }, assets: 21, lost: 0 },
    });
    await everythingReads(tenant, files);
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed", result: { damaged: 0 } });
    const events = await vault.query<{ data: object }>(`select data from sync.events where tenant_id = $1 and type = 'vault.repaired'`, [
      tenant,
    ]);
    expect(events).toMatchObject([{ data: { jobId: job.id, packs: 2, assets: 21 } }]);
  });

  it("keeps what is sound in a damaged pack and reads the rest from the source again, checked by its id", async () => {
    const { tenant, files, small, parts } = await filled();
    // The second copy has not been made yet.
    truncateSync(vault.object(tenant, small), 200_000);
    rmSync(vault.object(tenant, parts[0]!));
    overwrite(vault.object(tenant, parts[2]!));
    await vault.upkeep(tenant, "verify");
    const job = await vault.upkeep(tenant, "repair");
    expect(job).toMatchObject({ status: "completed", result: { packs: 3, lost: 0 } });
    const { blobs, assets } = job.result as { blobs: { pack: number; sources: number }; assets: number };
    expect(blobs.pack).toBeGreaterThan(0);
    // The large content has two parts to be fetched, and is one asset.
    expect(blobs.sources).toBe(20 - blobs.pack + 2);
    expect(assets).toBe(20 - blobs.pack + 1);
    sources(tenant);
    await everythingReads(tenant, files);
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed", result: { damaged: 0 } });
  });

  it("leaves damaged what no source has any more as it was, says where it looked, and mends it once it can", async () => {
    const { tenant, files, small, parts } = await filled();
    rmSync(vault.object(tenant, small));
    rmSync(vault.object(tenant, parts[1]!));
    vault.write(tenant, "0.txt", "another content");
    vault.write(tenant, "large.bin", Buffer.concat([files["large.bin"]!.subarray(0, 17 * MIB - 1), Buffer.from("x")]));
    await vault.upkeep(tenant, "verify");
    const job = await vault.upkeep(tenant, "repair");
    expect(job).toMatchObject({ status: "completed_with_errors", result: { packs: 0, blobs: { sources: 19 }, assets: 19, lost: 2 } });
    const uri = pathToFileURL(vault.source(tenant)).href;
    expect((await vault.failures(tenant, job.id)).sort((a, b) => (a.path < b.path ? -1 : 1))).toMatchObject([
      { path: `${uri}/0.txt`, type: "VAULT_OBJECT_MISSING", message: expect.stringContaining("another content by now") },
      { path: `${uri}/large.bin`, type: "VAULT_OBJECT_MISSING", message: expect.stringContaining("another content by now") },
    ]);
    // Nothing of the vain try is left in storage or catalogue.
    expect(
      await vault.query(
        `select 1 from sync.packs p where tenant_id = $1 and doomed_at is null and not exists (select 1 from sync.blobs where pack_id = p.id)`,
        [tenant],
      ),
    ).toEqual([]);
    for (const path of ["0.txt", "large.bin"]) vault.write(tenant, path, files[path]!);
    expect(await vault.upkeep(tenant, "repair")).toMatchObject({
      status: "completed",
      result: { packs: 2, blobs: { sources: 2 }, lost: 0 },
    });
    await everythingReads(tenant, files);
  });

  it("finds sound what an operator has brought back, and mends contents whose parts were mixed up", async () => {
    const { tenant, files, small } = await filled();
    await vault.query(`update sync.packs set damaged_at = now(), damage = 'missing: Its object is missing from storage.' where id = $1`, [
      small,
    ]);
    await vault.query(
      `update sync.blobs b set pack_id = o.pack_id from sync.blobs o where b.tenant_id = $1 and o.tenant_id = $1 and b.content_id = o.content_id and b.part < 2 and o.part = 1 - b.part`,
      [tenant],
    );
    expect((await vault.upkeep(tenant, "verify")).result).toMatchObject({ damaged: 3 });
    expect(await vault.upkeep(tenant, "repair")).toMatchObject({
      status: "completed",
      result: { packs: 3, blobs: { pack: 0, copy: 0, sources: 3 }, lost: 0 },
    });
    await everythingReads(tenant, files);
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed" });
  });

  it("mends nothing of another tenant, by another tenant's objects or otherwise", async () => {
    const [mine, theirs] = [await filled(), await filled()];
    for (const { tenant, small } of [mine, theirs]) {
      rmSync(vault.object(tenant, small));
      await vault.upkeep(tenant, "verify");
    }
    await vault.upkeep(mine.tenant, "repair");
    expect((await vault.packs(theirs.tenant)).filter(({ damage }) => damage)).toHaveLength(1);
    expect((await vault.packs(mine.tenant)).filter(({ damage }) => damage)).toEqual([]);
  });
});
