import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { storageKey } from "../../../mixins/vault/store.ts";
import { testVault, type TestVault } from "../../../test/vault.ts";

const copy = mkdtempSync(join(tmpdir(), "legendo-copy-"));
let vault: TestVault;
beforeAll(async () => {
  vault = await testVault({ VAULT_COPY_URL: pathToFileURL(copy).href });
});
afterAll(async () => {
  await vault?.close();
  rmSync(copy, { recursive: true, force: true });
});

/** As if the time of grace were over. */
const ripen = (tenant: string) =>
  vault.query(`update sync.packs set doomed_at = doomed_at - interval '2 hours' where tenant_id = $1`, [tenant]);
/** What the retention of versions would do: forgets all but the current one. */
const forgetVersions = (tenant: string) =>
  vault.query(
    `delete from sync.asset_versions v using sync.assets a where a.id = v.asset_id and a.tenant_id = $1 and v.version < a.version`,
    [tenant],
  );
const objects = (tenant: string, folder = vault.folder) =>
  existsSync(join(folder, tenant))
    ? readdirSync(join(folder, tenant), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map(({ name }) => name)
        .sort()
    : [];
const used = async (tenant: string) => (await vault.packs(tenant)).map(({ id }) => id).sort();

async function everythingReads(tenant: string, files: Record<string, Buffer>): Promise<void> {
  for (const { id, path, goneAt } of await vault.assets(tenant))
    if (!goneAt) expect({ path, same: (await vault.read(tenant, id)).equals(files[path]!) }).toEqual({ path, same: true });
}

describe("Collection", () => {
  it("removes what no version refers to, keeps what one does, and frees the object after the time of grace", async () => {
    const [tenant, other] = [crypto.randomUUID(), crypto.randomUUID()];
    for (const each of [tenant, other]) {
      vault.write(each, "kept.txt", "first");
      await vault.sync(each);
      vault.write(each, "kept.txt", "second");
      await vault.sync(each);
    }
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ contents: 0, packsRemoved: 0 });
    const [asset] = await vault.assets(tenant);
    expect((await vault.read(tenant, asset!.id, 1)).toString()).toBe("first");

    await forgetVersions(tenant);
    await forgetVersions(other);
    const [first, second] = (await vault.packs(tenant)).map(({ id }) => id);
    expect(await vault.upkeep(tenant, "collect")).toMatchObject({
      status: "completed",
      progress: 100,
      result: { contents: 1, contentBytes: 5, packsRemoved: 0 },
    });
    expect(await used(tenant)).toEqual([second]);
    // A reader with a ticket reads on: the object is there for the time of grace.
    expect(objects(tenant)).toEqual([first, second].sort());
    await ripen(tenant);
    const freed = await vault.upkeep(tenant, "collect");
    expect(freed.result).toMatchObject({ contents: 0, packsRemoved: 1, bytesFreed: expect.any(Number) });
    expect((freed.result as { bytesFreed: number }).bytesFreed).toBeGreaterThan(5);
    expect(objects(tenant)).toEqual([second]);
    expect(objects(tenant, copy)).toEqual([second]);
    expect((await vault.read(tenant, asset!.id)).toString()).toBe("second");
    expect(await used(other)).toHaveLength(2);
    expect(objects(other)).toHaveLength(2);
  });

  it("rewrites packs that are mostly empty into full ones, and readers with a ticket to the old one read on", async () => {
    const tenant = crypto.randomUUID();
    const files: Record<string, Buffer> = {};
    const write = (path: string, bytes: Buffer) => {
      files[path] = bytes;
      vault.write(tenant, path, bytes);
    };
    for (const folder of ["a", "b", "c"]) {
      for (let i = 0; i < 20; i++) write(`${folder}/${i}`, randomBytes(10_000 + i));
      write(`${folder}/text`, Buffer.from(`${folder} compresses well `.repeat(2_000)));
      await vault.sync(tenant);
    }
    write("large", randomBytes(9 * 2 ** 20));
    await vault.sync(tenant);
    const before = await used(tenant);
    for (const folder of ["a", "b"]) for (let i = 0; i < 15; i++) write(`${folder}/${i}`, Buffer.from(`${folder} ${i} is small`));
    await vault.sync(tenant);
    await forgetVersions(tenant);
    const { readWhole } = await import("../../../mixins/vault/ticket.ts");
    const { openVault } = await import("../../../mixins/vault/environment.ts");
    const { env } = await import("../../../config/env.ts");
    const asset = (await vault.assets(tenant)).find(({ path }) => path === "a/19")!;
    const { ticket } = await vault.as(tenant, "sync.assets.ticket", { id: asset.id });

    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ contents: 30, packsRewritten: 2 });
    const after = await used(tenant);
    expect(before.filter((id) => after.includes(id))).toHaveLength(before.length - 2);
    expect(after).toHaveLength(before.length);
    await everythingReads(tenant, files);
    const opened = await openVault(env);
    expect((await readWhole(ticket, opened, 2 ** 20)).equals(files["a/19"]!)).toBe(true);
    await opened.store.close();
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed", result: { packs: after.length, damaged: 0 } });
    await ripen(tenant);
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ contents: 0, packsRewritten: 0, packsRemoved: 2 });
    expect(objects(tenant)).toEqual(after);
    await everythingReads(tenant, files);
  });

  it("does not carry damage into a new pack", async () => {
    const tenant = crypto.randomUUID();
    const files: Record<string, Buffer> = {};
    for (let i = 0; i < 6; i++) {
      files[`${i}`] = randomBytes(100_000);
      vault.write(tenant, `${i}`, files[`${i}`]!);
    }
    await vault.sync(tenant);
    const [pack] = await used(tenant);
    for (let i = 0; i < 4; i++) vault.write(tenant, `${i}`, `small ${i}`);
    await vault.sync(tenant);
    await forgetVersions(tenant);
    // The last file ends behind what is left of the object.
    truncateSync(vault.object(tenant, pack!), 540_000);
    const job = await vault.upkeep(tenant, "collect");
    expect(job).toMatchObject({ status: "completed_with_errors", result: { damaged: 1, packsRewritten: 0 } });
    const lost = (await vault.failures(tenant, job.id)).map(({ path }) => path.split("/").at(-1));
    expect(lost).toHaveLength(1);
    expect((await vault.packs(tenant)).find(({ id }) => id === pack)?.damage).toMatch(/^truncated/);
    for (const { id, path } of await vault.assets(tenant))
      if (files[path] && Number(path) > 3 && path !== lost[0]) expect((await vault.read(tenant, id)).equals(files[path])).toBe(true);
  });

  it("drops parts of files whose jobs have ended, and objects that no row names once they are a day old", async () => {
    const tenant = crypto.randomUUID();
    vault.write(tenant, "a", "a");
    const job = await vault.sync(tenant);
    const [pack] = await used(tenant);
    await vault.query(`update sync.blobs set content_id = content_id where tenant_id = $1`, [tenant]);
    const part = crypto.randomUUID();
    await vault.query(
      `insert into sync.packs (id, tenant_id, storage_key, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key)
       select $1, tenant_id, $2, chunk_size, plain_size, sealed_size, tenant_key_id, wrapped_key from sync.packs where id = $3`,
      [part, storageKey(tenant, part), pack],
    );
    const parts = (jobId: string) =>
      vault.query(
        `insert into sync.parts (job_id, batch, number, tenant_id, pack_id, size, stored_size, fingerprint) values ($1, 0, 0, $2, $3, 1, 1, '')`,
        [jobId, tenant, part],
      );
    const forgotten = vault.object(tenant, crypto.randomUUID());
    const young = vault.object(tenant, crypto.randomUUID());
    const foreign = join(vault.folder, tenant, "readme.txt");
    for (const file of [forgotten, young, foreign, vault.object(tenant, part)]) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, "12345");
    }
    for (const file of [forgotten, foreign]) utimesSync(file, 1, 1);
    // A job that still runs keeps its parts.
    const [running] = await vault.query<{ id: string }>(
      `insert into sync.sync_jobs (tenant_id, input, status, options) values ($1, 'x', 'running', '{}') returning id`,
      [tenant],
    );
    await parts(running!.id);
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ parts: 0, orphans: { objects: 1, bytes: 5 } });
    expect(existsSync(forgotten)).toBe(false);
    expect([young, foreign, vault.object(tenant, part)].map(existsSync)).toEqual([true, true, true]);
    await parts(job.id).then(() => vault.query(`update sync.sync_jobs set status = 'failed' where id = $1`, [running!.id]));
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ parts: 2 });
    await ripen(tenant);
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ packsRemoved: 1 });
    expect(existsSync(vault.object(tenant, part))).toBe(false);
  });

  it("keeps a second copy of every sound pack, and no more than that", async () => {
    const tenant = crypto.randomUUID();
    for (let i = 0; i < 3; i++) {
      vault.write(tenant, `${i}`, randomBytes(100_000));
      await vault.sync(tenant);
    }
    const packs = await vault.packs(tenant);
    const bytes = packs.reduce((sum, { sealed }) => sum + sealed, 0);
    expect((await vault.upkeep(tenant, "collect")).result).toMatchObject({ copied: { objects: 3, bytes } });
    const copyOf = (id: string) => join(copy, storageKey(tenant, id));
    for (const { id } of packs) expect(readFileSync(copyOf(id)).equals(readFileSync(vault.object(tenant, id)))).toBe(true);
    truncateSync(copyOf(packs[0]!.id), 10);
    rmSync(copyOf(packs[1]!.id));
    rmSync(vault.object(tenant, packs[1]!.id));
    expect(await vault.upkeep(tenant, "collect")).toMatchObject({
      status: "completed_with_errors",
      result: { copied: { objects: 1 }, damaged: 1 },
    });
    expect(readFileSync(copyOf(packs[0]!.id)).equals(readFileSync(vault.object(tenant, packs[0]!.id)))).toBe(true);
    expect(existsSync(copyOf(packs[1]!.id))).toBe(false);
  });

  it("is paused in the middle of its work, and goes on", async () => {
    const tenant = crypto.randomUUID();
    for (let i = 0; i < 40; i++) vault.write(tenant, String(i), randomBytes(2 * 2 ** 20));
    await vault.sync(tenant);
    const { id } = await vault.as(tenant, "sync.vault.collect", {});
    await vault.as(tenant, "sync.jobs.pause", { id });
    for (let i = 0; i < 200 && (await vault.as(tenant, "sync.jobs.get", { id })).status !== "paused"; i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    await vault.as(tenant, "sync.jobs.resume", { id });
    expect(await vault.ended(tenant, id)).toMatchObject({ status: "completed" });
    expect(objects(tenant, copy)).toEqual(await used(tenant));
  });

  it("clears away all of a shredded vault", async () => {
    const [tenant, other] = [crypto.randomUUID(), crypto.randomUUID()];
    for (const each of [tenant, other]) {
      vault.write(each, "secret.txt", "secret");
      await vault.sync(each);
      await vault.upkeep(each, "collect");
    }
    await vault.as(tenant, "sync.keys.shred", { tenantId: tenant, again: tenant });
    expect(await vault.upkeep(tenant, "collect")).toMatchObject({ status: "completed", result: { packsRemoved: 1 } });
    expect(objects(tenant)).toEqual([]);
    expect(objects(tenant, copy)).toEqual([]);
    expect(await vault.query(`select 1 from sync.blobs where tenant_id = $1`, [tenant])).toEqual([]);
    expect(objects(other)).toHaveLength(1);
    expect(objects(other, copy)).toHaveLength(1);
  });

  it("takes nothing away from jobs that run beside it, however often it comes", async () => {
    const tenant = crypto.randomUUID();
    const pool = Array.from({ length: 60 }, (_, i) => Buffer.from(`content ${i} `.repeat(200 + i)));
    const files: Record<string, Record<string, Buffer>> = { left: {}, right: {} };
    const change = (side: string) => {
      for (let i = 0; i < 120; i++) {
        const path = `${i % 7}/${i}`;
        if (Math.random() < 0.15) {
          rmSync(join(vault.source(tenant), side, path), { force: true });
          delete files[side]![path];
        } else if (Math.random() < 0.5) {
          files[side]![path] = pool[Math.floor(Math.random() * pool.length)]!;
          vault.write(tenant, `${side}/${path}`, files[side]![path]);
        }
      }
    };
    // Two sources with the same contents, over and over; contents come, go and come back.
    const options = { thresholds: { deleteShare: 1, changeShare: 1, emptied: false } };
    const syncing = async (side: string) => {
      for (let round = 0; round < 10; round++) {
        change(side);
        const input = pathToFileURL(join(vault.source(tenant), side)).href;
        const mode = round % 4 ? "incremental" : "full";
        const { id } = await vault.as(tenant, "sync.jobs.create", { input, mode, options });
        expect(await vault.ended(tenant, id)).toMatchObject({ status: "completed", items: { failed: 0 } });
      }
    };
    // The retention of versions, the time of grace and the collection, as fast as they go.
    let done = false;
    let collected = 0;
    const collecting = async () => {
      while (!done) {
        await forgetVersions(tenant);
        await ripen(tenant);
        const job = await vault.upkeep(tenant, "collect");
        expect(job).toMatchObject({ status: "completed", error: null });
        collected += (job.result as { contents: number }).contents;
      }
    };
    const over = Promise.all([syncing("left"), syncing("right")]).finally(() => (done = true));
    await Promise.all([over, collecting()]);
    expect(collected).toBeGreaterThan(0);

    for (const { id, source, path, goneAt } of await vault.assets(tenant)) {
      const side = source.split("/").at(-1)!;
      const expected = files[side]![path];
      expect({ path, gone: goneAt !== null }).toEqual({ path, gone: expected === undefined });
      if (expected) expect({ path, same: (await vault.read(tenant, id)).equals(expected) }).toEqual({ path, same: true });
    }
    await forgetVersions(tenant);
    await vault.upkeep(tenant, "collect");
    await ripen(tenant);
    // A batch whose known content was collected under its hands is pulled again: the object of its first try is nobody's after a day.
    for (const name of objects(tenant)) utimesSync(vault.object(tenant, name), 1, 1);
    await vault.upkeep(tenant, "collect");
    expect(await vault.upkeep(tenant, "verify")).toMatchObject({ status: "completed", result: { damaged: 0, orphans: { objects: 0 } } });
    expect(objects(tenant)).toEqual(await used(tenant));
    expect(objects(tenant, copy)).toEqual(await used(tenant));
  }, 120_000);
});
