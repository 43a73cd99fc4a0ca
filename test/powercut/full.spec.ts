import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { startProcess } from "../processes.ts";
import { testVault, type TestVault } from "../vault.ts";

const MIB = 2 ** 20;
const home = mkdtempSync(join(tmpdir(), "legendo-full-"));
const folder = join(home, "vault");
mkdirSync(folder);
const mount = (...options: string[]) => spawnSync("mount", [...options, folder]).status === 0;
const mounted = mount("-t", "tmpfs", "-o", "size=8m", "tmpfs");
const trouble = mounted ? "" : " (not tried: mounting a small disk needs root)";
const claim = mounted ? it : it.skip;

let vault: TestVault;
beforeAll(async () => {
  if (mounted) vault = await testVault({}, { folder });
});
afterEach(() => void mount("-o", "remount,rw,size=8m"));
afterAll(async () => {
  await vault?.close();
  if (mounted) spawnSync("umount", [folder]);
  rmSync(home, { recursive: true, force: true });
});

const files = new Map<string, Buffer>();
const write = (tenant: string, path: string, bytes: Buffer) => {
  files.set(`${tenant}/${path}`, bytes);
  vault.write(tenant, path, bytes);
};

/** Storage and catalogue name the same objects, nothing half written lies about, and what is catalogued reads. */
async function nothingHalfDone(tenant: string): Promise<void> {
  expect(readdirSync(join(folder, ".incoming"))).toEqual([]);
  const stored = readdirSync(join(folder, tenant), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  const packs = await vault.query<{ id: string }>(`select id from sync.packs where tenant_id = $1 order by id`, [tenant]);
  expect(stored.map(({ name }) => name).sort()).toEqual(packs.map(({ id }) => id));
  for (const { id, path } of await vault.assets(tenant))
    expect({ path, same: (await vault.read(tenant, id)).equals(files.get(`${tenant}/${path}`)!) }).toEqual({ path, same: true });
}
const clear = (tenant: string) => rmSync(join(folder, tenant), { recursive: true, force: true });

describe("A vault", () => {
  claim(
    `that is full ends the job with VAULT_FULL and nothing half done; with more room the job's retry completes${trouble}`,
    async () => {
      const tenant = crypto.randomUUID();
      for (let i = 0; i < 6; i++) write(tenant, `first/${i}`, randomBytes(MIB / 2));
      expect(await vault.sync(tenant)).toMatchObject({ status: "completed" });
      for (let i = 0; i < 60; i++) write(tenant, `more/${i}`, randomBytes(MIB));
      const job = await vault.sync(tenant);
      expect(job).toMatchObject({ status: "failed", error: { type: "VAULT_FULL" } });
      await nothingHalfDone(tenant);
      mount("-o", "remount,size=100m");
      const retry = await vault.as(tenant, "sync.jobs.retry", { id: job.id });
      expect(await vault.ended(tenant, retry.id)).toMatchObject({ status: "completed", items: { failed: 0 } });
      expect(await vault.sync(tenant)).toMatchObject({ status: "completed", items: { failed: 0 } });
      expect(await vault.assets(tenant)).toHaveLength(66);
      await nothingHalfDone(tenant);
      clear(tenant);
    },
    120_000,
  );

  claim(
    `that is full can be collected: what nothing refers to goes, and rewriting waits for room${trouble}`,
    async () => {
      const tenant = crypto.randomUUID();
      for (let i = 0; i < 13; i++) write(tenant, String(i), randomBytes(MIB / 2));
      await vault.sync(tenant);
      // Seven of thirteen are replaced: the pack is more than half empty, and too full is the disk to write what is left of it anew.
      for (let i = 0; i < 7; i++) write(tenant, String(i), Buffer.from(`small ${i}`));
      await vault.sync(tenant);
      await vault.query(
        `delete from sync.asset_versions v using sync.assets a where a.id = v.asset_id and a.tenant_id = $1 and v.version < a.version`,
        [tenant],
      );
      expect(await vault.upkeep(tenant, "collect")).toMatchObject({
        status: "completed",
        result: { contents: 7, packsRewritten: 0, full: true },
      });
      await nothingHalfDone(tenant);
      mount("-o", "remount,size=20m");
      expect(await vault.upkeep(tenant, "collect")).toMatchObject({ status: "completed", result: { packsRewritten: 1, full: false } });
      await nothingHalfDone(tenant);
      clear(tenant);
    },
    120_000,
  );

  claim(
    `that is full does not keep a node from starting: what is in it can be read, and collected${trouble}`,
    async () => {
      writeFileSync(join(folder, "ballast"), Buffer.alloc(7 * MIB));
      expect(() => appendFileSync(join(folder, "ballast"), Buffer.alloc(2 * MIB))).toThrow(/ENOSPC/);
      const node = startProcess("late", home, "scripts/node.ts", { SERVICES: "sync", LOG_LEVEL: "info" });
      const over = node.ended.then((how) => `ended with ${how}`);
      const said = async () => {
        while (!/The vault is full[^]*started successfully/.test(readFileSync(node.log, "utf8"))) await sleep(50);
        return "started";
      };
      try {
        expect(await Promise.race([said(), over])).toBe("started");
      } finally {
        await node.stop(10_000);
        rmSync(join(folder, "ballast"));
      }
      expect(readdirSync(join(folder, ".incoming"))).toEqual([]);
    },
    120_000,
  );

  claim(
    `that can only be read ends the job with VAULT_DENIED and nothing half done, and still reads${trouble}`,
    async () => {
      const tenant = crypto.randomUUID();
      write(tenant, "first", randomBytes(1000));
      await vault.sync(tenant);
      for (let i = 0; i < 60; i++) write(tenant, `more/${i}`, randomBytes(20_000));
      mount("-o", "remount,ro");
      const job = await vault.sync(tenant);
      expect(job).toMatchObject({ status: "completed_with_errors", items: { failed: 60 } });
      expect(new Set((await vault.failures(tenant, job.id)).map(({ type }) => type))).toEqual(new Set(["VAULT_DENIED"]));
      await nothingHalfDone(tenant);
      mount("-o", "remount,rw");
      const retry = await vault.as(tenant, "sync.jobs.retry", { id: job.id });
      expect(await vault.ended(tenant, retry.id)).toMatchObject({ status: "completed", items: { failed: 0 } });
      await nothingHalfDone(tenant);
    },
    120_000,
  );
});
