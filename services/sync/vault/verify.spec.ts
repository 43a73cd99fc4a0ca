import { randomBytes } from "node:crypto";
import {
  appendFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
  closeSync,
} from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { testVault, type TestVault } from "../../../test/vault.ts";

const MIB = 2 ** 20;
let vault: TestVault;
beforeAll(async () => {
  vault = await testVault();
});
afterAll(() => vault?.close());

const flip = (file: string, at: number) => {
  const fd = openSync(file, "r+");
  writeSync(fd, Buffer.from([readFileSync(file)[at]! ^ 1]), 0, 1, at);
  closeSync(fd);
};

/** The pack that an asset's current content lies in. */
const packsOf = async (tenantId: string, path: string): Promise<string[]> =>
  (
    await vault.query<{ pack_id: string }>(
      `select b.pack_id from sync.blobs b join sync.assets a using (tenant_id, content_id) where a.tenant_id = $1 and a.path = $2 order by part`,
      [tenantId, path],
    )
  ).map(({ pack_id }) => pack_id);

describe("Verification", () => {
  it("proves sound packs, small and large, and tells since when an asset is proven", async () => {
    const tenant = crypto.randomUUID();
    for (let i = 0; i < 40; i++) vault.write(tenant, `small/${i}.txt`, `line ${i}\n`.repeat(i * 50));
    vault.write(tenant, "empty", "");
    vault.write(tenant, "large.bin", randomBytes(20 * MIB));
    await vault.sync(tenant);
    const [asset] = await vault.assets(tenant);
    expect(await vault.as(tenant, "sync.vault.proof", { id: asset!.id })).toMatchObject({ provenAt: null, damaged: 0 });

    const job = await vault.upkeep(tenant, "verify");
    const packs = await vault.packs(tenant);
    const bytes = packs.reduce((sum, { sealed }) => sum + sealed, 0);
    expect(job).toMatchObject({ status: "completed", progress: 100, items: { total: packs.length, stored: packs.length, failed: 0 } });
    expect(job).toMatchObject({
      result: { packs: packs.length, bytes, damaged: 0, assets: 0, orphans: { objects: 0 } },
      bytes: { total: bytes, done: bytes },
    });
    expect(packs.every(({ verified, damage }) => verified && !damage)).toBe(true);
    for (const { id } of await vault.assets(tenant))
      expect(await vault.as(tenant, "sync.vault.proof", { id })).toMatchObject({ provenAt: expect.stringMatching(/^20/), damaged: 0 });
    expect(await vault.as(tenant, "sync.vault.stats", {})).toMatchObject({
      packs: packs.length,
      sealedBytes: bytes,
      damaged: { packs: 0 },
      verified: { never: 0 },
    });
  });

  it("tells missing, truncated, altered, locked and wrong contents apart, and names every asset and version concerned", async () => {
    const tenant = crypto.randomUUID();
    const uri = `file://${vault.source(tenant)}`;
    const packs: Record<string, string> = {};
    for (const name of ["missing", "truncated", "altered", "longer", "locked", "wrong", "sound"]) {
      vault.write(tenant, `${name}/a.txt`, `${name} a`);
      vault.write(tenant, `${name}/b.bin`, randomBytes(200_000));
      await vault.sync(tenant);
      packs[name] = (await packsOf(tenant, `${name}/a.txt`))[0]!;
    }
    // The altered pack's first version of a file that is another by now.
    vault.write(tenant, "altered/a.txt", "new");
    await vault.sync(tenant);
    const object = (name: string) => vault.object(tenant, packs[name]!);
    rmSync(object("missing"));
    truncateSync(object("truncated"), 100_000);
    flip(object("altered"), 40);
    appendFileSync(object("longer"), "x");
    await vault.query(`update sync.packs set wrapped_key = set_byte(wrapped_key, 20, get_byte(wrapped_key, 20) # 1) where id = $1`, [
      packs["locked"],
    ]);
    await vault.query(`update sync.blobs set position = position + 1 where pack_id = $1 and size = 7 and tenant_id = $2`, [
      packs["wrong"],
      tenant,
    ]);

    const job = await vault.upkeep(tenant, "verify");
    expect(job).toMatchObject({ status: "completed_with_errors", items: { failed: 6 }, result: { damaged: 6 } });
    const damage = new Map((await vault.packs(tenant)).map(({ id, damage }) => [id, damage]));
    expect(damage.get(packs["missing"]!)).toMatch(/^missing: /);
    expect(damage.get(packs["truncated"]!)).toMatch(/^truncated: .* 100000 bytes; /);
    expect(damage.get(packs["altered"]!)).toMatch(/^altered: 1 of .* chunks .*: 0\.$/);
    expect(damage.get(packs["longer"]!)).toMatch(/^altered: .*more than/);
    expect(damage.get(packs["locked"]!)).toMatch(/^key: /);
    expect(damage.get(packs["wrong"]!)).toMatch(/^content: .* other bytes/);
    expect(damage.get(packs["sound"]!)).toBeNull();

    const failures = new Map((await vault.failures(tenant, job.id)).map(({ path, type }) => [path, type]));
    expect(failures.get(`${uri}/missing/a.txt`)).toBe("VAULT_OBJECT_MISSING");
    expect(failures.get(`${uri}/missing/b.bin`)).toBe("VAULT_OBJECT_MISSING");
    expect(failures.get(`${uri}/altered/a.txt (version 1)`)).toBe("VAULT_DAMAGED");
    expect(failures.has(`${uri}/altered/a.txt`)).toBe(false);
    expect(failures.get(`${uri}/locked/a.txt`)).toBe("VAULT_KEY_UNUSABLE");
    expect(failures.get(`${uri}/wrong/a.txt`)).toBe("VAULT_DAMAGED");
    // What is truncated or altered behind them still reads, and is not named.
    expect(failures.has(`${uri}/truncated/a.txt`)).toBe(false);
    expect(failures.get(`${uri}/truncated/b.bin`)).toBe("VAULT_DAMAGED");
    expect(failures.has(`${uri}/longer/a.txt`)).toBe(false);
    expect([...failures.keys()].filter((path) => path.includes("/sound/"))).toEqual([]);
    const [event] = await vault.query<{ data: object }>(`select data from sync.events where tenant_id = $1 and type = 'vault.damaged'`, [
      tenant,
    ]);
    expect(event!.data).toMatchObject({ jobId: job.id, packs: 6 });
    // An operator who brings the object back finds the damage gone.
    flip(object("altered"), 40);
    const again = await vault.upkeep(tenant, "verify");
    expect(again.result).toMatchObject({ damaged: 5 });
  });

  it("finds that the parts of a large content are not those of its id, though each of them verifies", async () => {
    const tenant = crypto.randomUUID();
    vault.write(tenant, "large.bin", randomBytes(17 * MIB));
    await vault.sync(tenant);
    await vault.query(
      `update sync.blobs b set pack_id = o.pack_id from sync.blobs o where b.tenant_id = $1 and o.tenant_id = $1 and b.part < 2 and o.part = 1 - b.part`,
      [tenant],
    );
    const job = await vault.upkeep(tenant, "verify");
    expect(job).toMatchObject({ status: "completed_with_errors", result: { damaged: 3, assets: 3 } });
    const failures = await vault.failures(tenant, job.id);
    expect(failures).toMatchObject([{ type: "VAULT_DAMAGED", message: expect.stringContaining("other bytes") }]);
  });

  it("reads the share that was proven longest ago, or what one asset needs", async () => {
    const tenant = crypto.randomUUID();
    for (let i = 0; i < 10; i++) {
      vault.write(tenant, `${i}.txt`, `file ${i}`);
      await vault.sync(tenant);
    }
    expect((await vault.upkeep(tenant, "verify", { share: 30 })).result).toMatchObject({ packs: 3 });
    expect((await vault.packs(tenant)).filter(({ verified }) => verified)).toHaveLength(3);
    expect((await vault.upkeep(tenant, "verify", { share: 70 })).result).toMatchObject({ packs: 7 });
    expect((await vault.packs(tenant)).filter(({ verified }) => verified)).toHaveLength(10);
    const [asset] = await vault.assets(tenant);
    const before = await vault.as(tenant, "sync.vault.proof", { id: asset!.id });
    expect((await vault.upkeep(tenant, "verify", { assetId: asset!.id })).result).toMatchObject({ packs: 1 });
    expect((await vault.as(tenant, "sync.vault.proof", { id: asset!.id })).provenAt! > before.provenAt!).toBe(true);
    await expect(vault.as(crypto.randomUUID(), "sync.vault.verify", { assetId: asset!.id })).rejects.toMatchObject({
      type: "ASSET_NOT_FOUND",
    });
  });

  it("counts objects that no row names once they are a day old, and leaves them and other tenants alone", async () => {
    const [tenant, other] = [crypto.randomUUID(), crypto.randomUUID()];
    for (const each of [tenant, other]) {
      vault.write(each, "a.txt", "a");
      await vault.sync(each);
    }
    const young = vault.object(tenant, crypto.randomUUID());
    const old = vault.object(tenant, crypto.randomUUID());
    for (const file of [young, old]) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "12345");
    }
    const yesterday = Date.now() / 1000 - 25 * 3600;
    utimesSync(old, yesterday, yesterday);
    expect((await vault.upkeep(tenant, "verify")).result).toMatchObject({ orphans: { objects: 1, bytes: 5 } });
    expect(readFileSync(old, "utf8")).toBe("12345");
    expect((await vault.packs(other)).map(({ verified }) => verified)).toEqual([false]);
  });

  it("keeps its place over a pause", async () => {
    const tenant = crypto.randomUUID();
    for (let i = 0; i < 6; i++) vault.write(tenant, `${i}.bin`, randomBytes(20 * MIB));
    await vault.sync(tenant);
    const { id } = await vault.as(tenant, "sync.vault.verify", {});
    await vault.as(tenant, "sync.jobs.pause", { id });
    let job = await vault.as(tenant, "sync.jobs.get", { id });
    for (let i = 0; i < 200 && job.status !== "paused"; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      job = await vault.as(tenant, "sync.jobs.get", { id });
    }
    expect(job.status).toBe("paused");
    await vault.as(tenant, "sync.jobs.resume", { id });
    expect(await vault.ended(tenant, id)).toMatchObject({ status: "completed", result: { packs: 18, damaged: 0 } });
  });
});
