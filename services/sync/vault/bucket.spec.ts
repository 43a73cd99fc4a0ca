import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { storageKey } from "../../../mixins/vault/store.ts";
import { startS3, type S3Double } from "../../../test/s3/double.ts";
import { testVault, type TestVault } from "../../../test/vault.ts";

const copy = mkdtempSync(join(tmpdir(), "legendo-copy-"));
let s3: S3Double;
let vault: TestVault;
beforeAll(async () => {
  s3 = await startS3({ buckets: ["vault"], pageSize: 2 });
  vault = await testVault({
    VAULT_URL: "s3://vault/packs",
    VAULT_S3_ENDPOINT: s3.endpoint,
    VAULT_S3_ACCESS_KEY_ID: s3.accessKeyId,
    VAULT_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    VAULT_COPY_URL: pathToFileURL(copy).href,
  });
});
afterAll(async () => {
  await vault?.close();
  await s3?.close();
  rmSync(copy, { recursive: true, force: true });
});

const keyOf = (tenant: string, id: string) => `packs/${storageKey(tenant, id)}`;
const objects = (tenant: string) => [...s3.buckets.get("vault")!.keys()].filter((key) => key.startsWith(`packs/${tenant}/`)).sort();

describe("Upkeep of a vault in a bucket", () => {
  it("verifies, copies, repairs and collects as in a folder", async () => {
    const tenant = crypto.randomUUID();
    const files: Record<string, Buffer> = { "large.bin": randomBytes(17 * 2 ** 20) };
    vault.write(tenant, "large.bin", files["large.bin"]!);
    for (let i = 0; i < 4; i++) {
      files[String(i)] = randomBytes(50_000);
      vault.write(tenant, String(i), files[String(i)]!);
      await vault.sync(tenant);
    }
    const packs = await vault.packs(tenant);
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ copied: { objects: packs.length } });
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed", result: { packs: packs.length, damaged: 0 } });
    s3.delete("vault", keyOf(tenant, packs[1]!.id));
    s3.put("vault", keyOf(tenant, packs[2]!.id), Buffer.alloc(1000));
    expect((await vault.upkeep(tenant, "verify")).result).toMatchObject({ damaged: 2 });
    expect(await vault.upkeep(tenant, "repair")).toMatchObject({
      status: "completed",
      result: { packs: 2, blobs: { sources: 0 }, lost: 0 },
    });
    for (const { id, path } of await vault.assets(tenant)) expect((await vault.read(tenant, id)).equals(files[path]!)).toBe(true);
    await vault.query(`update sync.packs set doomed_at = doomed_at - interval '2 hours' where tenant_id = $1`, [tenant]);
    s3.put("vault", keyOf(tenant, crypto.randomUUID()), "nobody's", new Date(Date.now() - 25 * 3600_000));
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ packsRemoved: 2, orphans: { objects: 1, bytes: 8 } });
    expect(objects(tenant)).toEqual((await vault.packs(tenant)).map(({ id }) => keyOf(tenant, id)).sort());
  });

  it("does not take a fault of the network for damage", async () => {
    const tenant = crypto.randomUUID();
    vault.write(tenant, "large.bin", randomBytes(17 * 2 ** 20));
    await vault.sync(tenant);
    Object.assign(s3.faults, { slowDown: 1, truncate: 1, corrupt: 1 });
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed", result: { packs: 3, damaged: 0 } });
    expect(s3.faults).toMatchObject({ slowDown: 0, truncate: 0, corrupt: 0 });
  });

  it("does not take refused credentials for damage", async () => {
    const tenant = crypto.randomUUID();
    vault.write(tenant, "a", "a");
    await vault.sync(tenant);
    s3.faults.denied = true;
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "failed", error: { type: "VAULT_DENIED" } });
    s3.faults.denied = false;
    expect((await vault.packs(tenant)).map(({ damage }) => damage)).toEqual([null]);
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed" });
  });
});
