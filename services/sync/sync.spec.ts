import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, afterEach, describe, expect, it } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { Permission } from "../../config/permissions.ts";
import { errors } from "../../config/errors.ts";
import type { Vault } from "../../mixins/vault/ticket.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";
import type { AssetView } from "./catalogue/asset.ts";
import type { JobView } from "./job.ts";
import type { Threads } from "./threads.ts";

const tenant = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const other = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
const granted: Permission[] = ["sync:read", "sync:write", "assets:read", "internal"];

let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;
let vault: Vault;
let root: string;
let claims: Record<string, string>;

beforeAll(async () => {
  database = await testDatabase();
  node = await testNode(["sync"], database);
  broker = node.broker;
  const { env } = await import("../../config/env.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  const { openVault } = await import("../../mixins/vault/environment.ts");
  vault = await openVault(env);
  claims = {
    [tenant]: await serviceClaim(env.CLUSTER_SECRET, "spec", tenant, granted),
    [other]: await serviceClaim(env.CLUSTER_SECRET, "spec", other, granted),
  };
});
afterAll(async () => {
  await vault?.store.close();
  await node?.stop();
  await database?.drop();
});
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "legendo-sync-"));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

const as = <N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"], meta: object = {}) =>
  call(broker, name, params, { meta: { claim: claims[tenantId], ...meta } });

const write = (path: string, content: string | Buffer) => {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), content);
};

async function ended(id: string): Promise<JobView> {
  for (let tries = 0; tries < 400; tries++) {
    const job = await as(tenant, "sync.jobs.get", { id });
    if (["completed", "completed_with_errors", "failed", "cancelled"].includes(job.status)) return job;
    await sleep(50);
  }
  throw new Error("the job did not end");
}

const sync = async (mode: "incremental" | "full" = "incremental") =>
  ended((await as(tenant, "sync.jobs.create", { input: pathToFileURL(root).href, mode })).id);

async function assets(): Promise<AssetView[]> {
  const found: AssetView[] = [];
  let cursor: string | null = null;
  do {
    const page: { data: AssetView[]; pagination: { cursor: string | null } } = await as(tenant, "sync.assets.list", {
      source: pathToFileURL(root).href,
      state: "all",
      limit: 100,
      ...(cursor && { cursor }),
    });
    found.push(...page.data);
    cursor = page.pagination.cursor;
  } while (cursor);
  return found;
}

async function content(id: string, version?: number): Promise<Buffer> {
  const { readWhole } = await import("../../mixins/vault/ticket.ts");
  const { ticket } = await as(tenant, "sync.assets.ticket", { id, ...(version && { version }) });
  return await readWhole(ticket, vault, 64 * 1024 * 1024);
}

describe("a job whose worker threads die while it lists", () => {
  const threads = () => (broker.getLocalService("sync.worker") as unknown as { threads: Threads }).threads;
  /** The next listings end as those of a thread that died. */
  const dying = (times: number) => {
    const pool = threads();
    const whole = { ...pool };
    let left = times;
    pool.list = (...args) => {
      if (left-- > 0) throw errors.threadLost("The worker thread of this work died.");
      return whole.list(...args);
    };
    return () => Object.assign(pool, whole);
  };

  it("starts again, and is failed when each new one dies too", async () => {
    write("a.txt", "of a job that lost its threads");
    let mend = dying(3);
    expect(await sync()).toMatchObject({ status: "completed", items: { stored: 1 } });
    mend();
    mend = dying(1_000);
    expect(await sync()).toMatchObject({ status: "failed", error: { type: "WORKER_THREAD_LOST" } });
    mend();
  });
});

describe("a sync of a folder", () => {
  it("stores every file, byte for byte, and tells its checksum", async () => {
    const files: Record<string, Buffer> = {
      "a.txt": Buffer.from("alpha"),
      "empty.bin": Buffer.alloc(0),
      "déep/ünder/日本.txt": Buffer.from("漢字"),
      "large.bin": Buffer.alloc(9 * 1024 * 1024, 7),
    };
    for (let i = 0; i < 700; i++) files[`many/${i}.txt`] = Buffer.from(`file ${i}`);
    for (const [path, bytes] of Object.entries(files)) write(path, bytes);
    const job = await sync();
    expect(job).toMatchObject({ status: "completed", progress: 100, items: { total: 704, stored: 704, failed: 0 }, error: null });
    const catalogued = await assets();
    expect(catalogued.map((asset) => asset.path).sort()).toEqual(Object.keys(files).sort());
    for (const asset of catalogued) {
      if (asset.path.startsWith("many/") && !asset.path.endsWith("7.txt")) continue;
      expect({ path: asset.path, bytes: (await content(asset.id)).equals(files[asset.path]!) }).toEqual({ path: asset.path, bytes: true });
    }
    const { data: versions } = await as(tenant, "sync.assets.versions", { id: catalogued.find((asset) => asset.path === "a.txt")!.id });
    expect(versions[0]).toMatchObject({ version: 1, size: 5, sha256: createHash("sha256").update("alpha").digest("hex"), jobId: job.id });
  });

  it("transfers nothing again, and only what changed after an edit, keeping the earlier version readable", async () => {
    for (let i = 0; i < 20; i++) write(`${i}.txt`, `first ${i}`);
    await sync();
    expect(await sync()).toMatchObject({ status: "completed", items: { total: 20, stored: 0, unchanged: 20 }, bytes: { total: 0 } });
    write("3.txt", "second");
    // The time put back: only inode change time tells.
    utimesSync(join(root, "3.txt"), 1, 1);
    expect(await sync()).toMatchObject({ items: { stored: 1, unchanged: 19 } });
    const asset = (await assets()).find(({ path }) => path === "3.txt")!;
    expect(asset.version).toBe(2);
    expect((await content(asset.id)).toString()).toBe("second");
    expect((await content(asset.id, 1)).toString()).toBe("first 3");
  });

  it("reads everything again in full mode and makes no version of what is equal", async () => {
    write("a.txt", "same");
    write("b.txt", "same");
    expect(await sync()).toMatchObject({ items: { total: 2, stored: 1, deduplicated: 1 } });
    expect(await sync("full")).toMatchObject({ items: { total: 2, stored: 0, deduplicated: 0, unchanged: 2 } });
    expect((await assets()).map((asset) => asset.version)).toEqual([1, 1]);
  });

  it("marks what the source has no more, and brings it back with its history", async () => {
    write("stays.txt", "1");
    write("leaves.txt", "2");
    await sync();
    rmSync(join(root, "leaves.txt"));
    expect(await sync()).toMatchObject({ items: { gone: 1 } });
    const gone = (await assets()).find(({ path }) => path === "leaves.txt")!;
    expect(gone.goneAt).not.toBeNull();
    expect((await content(gone.id)).toString()).toBe("2");
    write("leaves.txt", "3");
    await sync();
    const back = (await assets()).find(({ path }) => path === "leaves.txt")!;
    expect(back).toMatchObject({ id: gone.id, goneAt: null, version: 3 });
  });

  it("reports what it can't read item by item and stores the rest", async () => {
    write("good.txt", "good");
    symlinkSync(root, join(root, "loop"));
    symlinkSync("/etc/hostname", join(root, "outside"));
    symlinkSync(join(root, "nowhere"), join(root, "dangling"));
    const job = await sync();
    expect(job).toMatchObject({ status: "completed_with_errors", items: { stored: 1 } });
    const { data } = await as(tenant, "sync.jobs.failures", { id: job.id });
    expect(data.map(({ path, type }) => ({ path: path.replace(/\/$/, ""), type }))).toEqual([
      { path: "dangling", type: "SOURCE_MISSING" },
      { path: "loop", type: expect.stringMatching(/^SOURCE_/) },
      { path: "outside", type: "SOURCE_NOT_ALLOWED" },
    ]);
  });

  it("is refused before anything is recorded when the input can't be used", async () => {
    await expect(as(tenant, "sync.jobs.create", { input: "gopher://old/place" })).rejects.toMatchObject({
      code: 422,
      type: "SOURCE_SCHEME_UNKNOWN",
    });
    await expect(as(tenant, "sync.jobs.create", { input: "file:///etc" })).rejects.toMatchObject({ code: 403, type: "SOURCE_NOT_ALLOWED" });
    await expect(as(tenant, "sync.jobs.create", { input: pathToFileURL(join(root, "missing")).href })).rejects.toMatchObject({
      type: "SOURCE_MISSING",
    });
    await expect(as(tenant, "sync.jobs.create", { input: "", mode: "sideways" as never, colour: 1 } as never)).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: {
        faults: expect.arrayContaining([
          expect.objectContaining({ pointer: "/input" }),
          expect.objectContaining({ pointer: "/mode" }),
          expect.objectContaining({ pointer: "/colour" }),
        ]),
      },
    });
  });

  it("fails with a reason when its folder disappears before it starts", async () => {
    write("a.txt", "a");
    const input = pathToFileURL(root).href;
    rmSync(root, { recursive: true });
    mkdirSync(root);
    chmodSync(root, 0o755);
    const { id } = await as(tenant, "sync.jobs.create", { input });
    rmSync(root, { recursive: true });
    const job = await ended(id);
    expect(["failed", "completed"]).toContain(job.status);
    if (job.status === "failed") expect(job.error).toMatchObject({ type: "SOURCE_MISSING" });
  });
});

describe("a job", () => {
  it("created twice under one idempotency key is one job, and another request under it is refused", async () => {
    write("a.txt", "a");
    const input = pathToFileURL(root).href;
    const meta = { idempotencyKey: `key ${root}` };
    const [first, second] = await Promise.all([
      as(tenant, "sync.jobs.create", { input }, meta),
      as(tenant, "sync.jobs.create", { input }, meta),
    ]);
    expect(second.id).toBe(first.id);
    await expect(as(tenant, "sync.jobs.create", { input, mode: "full" }, meta)).rejects.toMatchObject({ type: "IDEMPOTENCY_KEY_REUSED" });
    await ended(first.id);
  });

  it("pauses, keeps its place, resumes to the end; progress never falls", async () => {
    for (let i = 0; i < 12; i++) write(`${i}.bin`, Buffer.alloc(8 * 1024 * 1024, i + 1));
    const { id } = await as(tenant, "sync.jobs.create", { input: pathToFileURL(root).href });
    await as(tenant, "sync.jobs.pause", { id });
    let job: JobView;
    do {
      await sleep(30);
      job = await as(tenant, "sync.jobs.get", { id });
    } while (job.status !== "paused");
    const paused = job;
    await sleep(300);
    expect(await as(tenant, "sync.jobs.get", { id })).toEqual(paused);
    await expect(as(tenant, "sync.jobs.pause", { id })).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
    await as(tenant, "sync.jobs.resume", { id });
    expect(await ended(id)).toMatchObject({ status: "completed", items: { total: 12, stored: 12 } });
    const { rows: steps } = await database.admin.query<{ progress: number }>(
      `select (data->>'progress')::int as progress from sync.events where stream = $1 order by version`,
      [`job:${id}`],
    );
    const progress = steps.map((step) => step.progress);
    expect(progress).toEqual([...progress].sort((a, b) => a - b));
    await expect(as(tenant, "sync.jobs.cancel", { id })).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
  });

  it("that is cancelled ends as cancelled", async () => {
    for (let i = 0; i < 6; i++) write(`${i}.bin`, Buffer.alloc(8 * 1024 * 1024, i + 1));
    const { id } = await as(tenant, "sync.jobs.create", { input: pathToFileURL(root).href });
    await as(tenant, "sync.jobs.cancel", { id });
    expect(await ended(id)).toMatchObject({ status: "cancelled" });
  });

  it("and its assets are not there for a second tenant", async () => {
    write("secret.txt", "secret");
    const job = await sync();
    const [asset] = await assets();
    await expect(as(other, "sync.jobs.get", { id: job.id })).rejects.toMatchObject({ code: 404, type: "JOB_NOT_FOUND" });
    for (const wish of ["pause", "resume", "cancel"] as const)
      await expect(as(other, `sync.jobs.${wish}`, { id: job.id })).rejects.toMatchObject({ code: 404 });
    await expect(as(other, "sync.assets.get", { id: asset!.id })).rejects.toMatchObject({ code: 404 });
    await expect(as(other, "sync.assets.versions", { id: asset!.id })).rejects.toMatchObject({ code: 404 });
    await expect(as(other, "sync.assets.ticket", { id: asset!.id })).rejects.toMatchObject({ code: 404 });
    expect(await as(other, "sync.assets.tickets", { assetIds: [asset!.id] })).toEqual([]);
    expect((await as(other, "sync.assets.list", {})).data).toEqual([]);
    expect((await as(other, "sync.jobs.list", {})).data).toEqual([]);
    await expect(call(broker, "sync.jobs.list", {})).rejects.toMatchObject({ code: 401, type: "UNAUTHENTICATED" });
  });

  it("has no secret of its source anywhere in clear", async () => {
    const { id } = await as(tenant, "sync.jobs.create", {
      input: "s3://some-bucket/x",
      s3: { endpoint: "https://s3.example.com", accessKeyId: "AKIDTEST", secretAccessKey: "very-secret-key" },
    });
    const { rows: found } = await database.admin.query<{ text: string }>(
      `select j::text as text from sync.sync_jobs j where id = $1 union all select e::text from sync.events e union all select o::text from sync.outbox o`,
      [id],
    );
    expect(found.some(({ text }) => text.includes("very-secret-key") || text.includes("AKIDTEST"))).toBe(false);
    await as(tenant, "sync.jobs.cancel", { id });
  });
});
