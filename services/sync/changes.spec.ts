import { createHash, randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, renameSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import type { ServiceBroker } from "moleculer";
import { call, type ActionMap, type ActionName } from "../../config/calls.ts";
import type { Permission } from "../../config/permissions.ts";
import { testDatabase, type TestDatabase } from "../../test/database.ts";
import { testNode, type TestNode } from "../../test/node.ts";
import { startS3, type S3Double } from "../../test/s3/double.ts";
import type { AssetView } from "./catalogue/asset.ts";
import type { JobView } from "./job.ts";

const tenant = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const other = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
const granted: Permission[] = ["sync:read", "sync:write", "assets:read", "internal"];

let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;
let s3: S3Double;
let root: string;
const claims: Record<string, string> = {};

beforeAll(async () => {
  s3 = await startS3({ buckets: ["bucket"] });
  process.env["SYNC_PRIVATE_HOSTS"] = new URL(s3.endpoint).host;
  database = await testDatabase();
  node = await testNode(["sync"], database);
  broker = node.broker;
  const { env } = await import("../../config/env.ts");
  const { serviceClaim } = await import("../../mixins/claim.ts");
  for (const id of [tenant, other]) claims[id] = await serviceClaim(env.CLUSTER_SECRET, "spec", id, granted);
});
afterAll(async () => {
  await node?.stop();
  await database?.drop();
  await s3?.close();
});
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "legendo-changes-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
  s3.buckets.get("bucket")!.clear();
});

const as = <N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim: claims[tenantId] } });

/** Written a while ago, so that the next listing tells its state for certain. */
const write = (path: string, content: string | Buffer, secondsAgo = 100) => {
  mkdirSync(join(root, path, ".."), { recursive: true });
  writeFileSync(join(root, path), content);
  utimesSync(join(root, path), Date.now() / 1000 - secondsAgo, Date.now() / 1000 - secondsAgo);
};

const resting = new Set(["completed", "completed_with_errors", "failed", "cancelled", "awaiting_approval", "paused"]);
async function rested(id: string, from?: string): Promise<JobView> {
  for (let tries = 0; tries < 400; tries++) {
    const job = await as(tenant, "sync.jobs.get", { id });
    if (resting.has(job.status) && job.status !== from) return job;
    await sleep(50);
  }
  throw new Error("the job did not come to rest");
}

type Options = ActionMap["sync.jobs.create"]["params"]["options"];
const create = (more: Partial<ActionMap["sync.jobs.create"]["params"]> = {}) =>
  as(tenant, "sync.jobs.create", { input: pathToFileURL(root).href, ...more });
const sync = async (options: Options = {}, more: object = {}) =>
  rested((await create({ options: { analyse: false, ...options }, ...more })).id);
const assets = async (state: "present" | "gone" | "all" = "all", source = pathToFileURL(root).href): Promise<AssetView[]> =>
  (await as(tenant, "sync.assets.list", { source, state, limit: 200 })).data.sort((a, b) => (a.path < b.path ? -1 : 1));
const plan = async (id: string, action: "fetch" | "move" | "touch" | "retire") => (await as(tenant, "sync.jobs.plan", { id, action })).data;

async function report(id: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  let cursor: string | undefined;
  do {
    const page: ActionMap["sync.jobs.report"]["result"] = await as(tenant, "sync.jobs.report", { id, limit: 3, ...(cursor && { cursor }) });
    for (const { path, outcome } of page.data) found[path] = outcome;
    cursor = page.pagination.cursor ?? undefined;
  } while (cursor);
  return found;
}

describe("A dry run", () => {
  it("lists exactly what would happen, writes nothing, and is carried out as it stands once it is approved", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await sync();
    write("b.txt", "b, changed");
    write("c.txt", "new");
    rmSync(join(root, "a.txt"));
    const parked = await sync({ thresholds: { deleteShare: 1 } }, { dryRun: true });
    expect(parked).toMatchObject({ status: "awaiting_approval", approval: [{ reason: "dry_run" }], progress: 0 });
    expect(parked.result).toMatchObject({ plan: { fetch: { items: 2, bytes: 13 }, move: 0, touch: 0, retire: 1 }, guarantee: "exact" });
    expect((await plan(parked.id, "fetch")).map(({ path, size }) => [path, size])).toEqual([
      ["b.txt", 10],
      ["c.txt", 3],
    ]);
    expect((await plan(parked.id, "retire")).map(({ path }) => path)).toEqual(["a.txt"]);
    expect((await assets()).map(({ path, version, goneAt }) => [path, version, goneAt])).toEqual([
      ["a.txt", 1, null],
      ["b.txt", 1, null],
    ]);

    await expect(as(other, "sync.jobs.approve", { id: parked.id })).rejects.toMatchObject({ code: 404 });
    await as(tenant, "sync.jobs.approve", { id: parked.id });
    expect(await rested(parked.id, "awaiting_approval")).toMatchObject({
      status: "completed",
      approvedBy: "service:spec",
      items: { stored: 2, gone: 1 },
    });
    expect(await report(parked.id)).toEqual({ "a.txt": "gone", "b.txt": "stored", "c.txt": "stored" });
    await expect(as(tenant, "sync.jobs.approve", { id: parked.id })).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
  });

  it("is refused when the source has moved on, and then nothing was written", async () => {
    write("a.txt", "a");
    const parked = await sync({}, { dryRun: true });
    write("b.txt", "b");
    await as(tenant, "sync.jobs.approve", { id: parked.id });
    expect(await rested(parked.id, "awaiting_approval")).toMatchObject({ status: "failed", error: { type: "PLAN_STALE" } });
    expect(await assets()).toEqual([]);
  });

  it("can be turned down, and can't be paused into running", async () => {
    write("a.txt", "a");
    const parked = await sync({}, { dryRun: true });
    await expect(as(tenant, "sync.jobs.pause", { id: parked.id })).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
    await as(tenant, "sync.jobs.cancel", { id: parked.id });
    expect(await rested(parked.id, "awaiting_approval")).toMatchObject({ status: "cancelled" });
    expect(await assets()).toEqual([]);
  });
});

describe("A plan that looks like an accident", () => {
  it("waits for approval before the first write: an emptied source, too many deletions, nearly everything changed", async () => {
    for (let i = 0; i < 30; i++) write(`${i}.txt`, `content ${i}`);
    await sync();
    for (let i = 0; i < 30; i++) write(`${i}.txt`, `encrypted ${i}`, 50);
    const changed = await sync();
    expect(changed).toMatchObject({ status: "awaiting_approval", approval: [{ reason: "change_share" }] });
    expect((await assets()).every(({ version }) => version === 1)).toBe(true);
    await as(tenant, "sync.jobs.cancel", { id: changed.id });

    for (let i = 0; i < 30; i++) rmSync(join(root, `${i}.txt`));
    const emptied = await sync({ thresholds: { deletes: 10 } });
    expect(emptied.status).toBe("awaiting_approval");
    expect(emptied.approval!.map(({ reason }) => reason)).toEqual(["emptied", "deletes", "delete_share"]);
    expect(await assets("gone")).toEqual([]);
    await as(tenant, "sync.jobs.approve", { id: emptied.id });
    expect(await rested(emptied.id, "awaiting_approval")).toMatchObject({ status: "completed", items: { gone: 30 } });
    expect(await assets("gone")).toHaveLength(30);
  });

  it("retires nothing where deletions are kept, and says how many it kept", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await sync();
    rmSync(join(root, "a.txt"));
    expect(await sync({ deletions: "keep" })).toMatchObject({ status: "completed", items: { gone: 0 }, result: { notRetired: 1 } });
    expect(await assets("gone")).toEqual([]);
  });
});

describe("A rename", () => {
  it("in a folder keeps the asset with its id and history, and stores nothing again", async () => {
    const content = randomBytes(5000);
    write("old/place.bin", content);
    write("stays.txt", "stays");
    await sync();
    const [before] = await assets();
    mkdirSync(join(root, "new"));
    renameSync(join(root, "old/place.bin"), join(root, "new/name.bin"));
    const job = await sync({ thresholds: { deleteShare: 1 } });
    expect(job).toMatchObject({ status: "completed", items: { moved: 1, stored: 0, gone: 0 } });
    expect(job.result).toMatchObject({ packs: 0 });
    const [after] = await assets();
    expect(after).toMatchObject({ id: before!.id, path: "new/name.bin", name: "name.bin", goneAt: null, version: 2 });
    const sha256 = createHash("sha256").update(content).digest("hex");
    const versions = await as(tenant, "sync.assets.versions", { id: before!.id });
    expect(JSON.stringify(versions)).toContain(sha256);
    expect(await report(job.id)).toMatchObject({ "old/place.bin": "moved", "new/name.bin": "moved" });
    // Nothing is left to do.
    expect(await sync()).toMatchObject({ status: "completed", items: { total: 2, unchanged: 2, moved: 0, gone: 0 } });
  });

  it("in a bucket is known by the listing alone: nothing is transferred", async () => {
    const access = { endpoint: s3.endpoint, accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
    const bucket = { input: "s3://bucket", s3: access, options: { analyse: false, thresholds: { deleteShare: 1 } } };
    const content = randomBytes(3000);
    s3.put("bucket", "a/one", content);
    s3.put("bucket", "b", "else");
    const first = await rested((await create(bucket)).id);
    expect(first).toMatchObject({ status: "completed", items: { stored: 2 } });
    s3.buckets.get("bucket")!.delete("a/one");
    s3.put("bucket", "z/one", content);
    s3.put("bucket", "b", "else", new Date(Date.now() - 1e9));
    s3.requests.length = 0;
    const job = await rested((await create(bucket)).id);
    expect(job).toMatchObject({ status: "completed", items: { moved: 1, stored: 0, gone: 0, unchanged: 1 }, bytes: { total: 0 } });
    expect(s3.requests.filter((request) => /^GET \/bucket\/./.test(request))).toEqual([]);
    expect(
      (
        await assets(
          "all",
          job.input === "s3://bucket" ? (await as(tenant, "sync.assets.list", { limit: 1, prefix: "z/" })).data[0]!.source : "",
        )
      ).map(({ path }) => path),
    ).toEqual(["b", "z/one"]);
  });
});

describe("A job's report", () => {
  it("tells what became of every item, and a retry repeats only what failed", async () => {
    write("good.txt", "good");
    write("same.txt", "good");
    mkdirSync(join(root, "pipe"));
    writeFileSync(join(root, "loose"), "x");
    const { symlinkSync } = await import("node:fs");
    symlinkSync(join(root, "nowhere"), join(root, "dangling"));
    const job = await sync();
    expect(job.status).toBe("completed_with_errors");
    expect(await report(job.id)).toEqual({ "good.txt": "stored", loose: "stored", "same.txt": "deduplicated", dangling: "failed" });

    rmSync(join(root, "dangling"));
    write("dangling", "there now");
    write("new.txt", "not asked for");
    await expect(as(other, "sync.jobs.retry", { id: job.id })).rejects.toMatchObject({ code: 404 });
    const again = await rested((await as(tenant, "sync.jobs.retry", { id: job.id })).id);
    expect(again).toMatchObject({ status: "completed", retryOf: job.id, items: { total: 1, stored: 1 } });
    expect(await report(again.id)).toEqual({ dangling: "stored" });
    await expect(as(tenant, "sync.jobs.retry", { id: again.id })).rejects.toMatchObject({ type: "JOB_STATE_CONFLICT" });
  });
});

describe("Filters", () => {
  it("leave out by glob, size and age, and leave alone what they leave out", async () => {
    write("keep/a.jpg", "12345");
    write("keep/b.tmp", "12345");
    write("keep/large.jpg", "x".repeat(100));
    write("old/c.jpg", "12345", 10_000);
    await sync();
    rmSync(join(root, "old/c.jpg"));
    write("keep/a.jpg", "changed");
    write("keep/b.tmp", "changed");
    const filters = { include: ["keep/**"], exclude: ["**/*.tmp"], maxSize: 50 };
    const job = await sync({ filters, deletions: "keep" });
    expect(job).toMatchObject({ items: { stored: 1 }, result: { filtered: 2 } });
    expect((await assets()).map(({ path, version }) => [path, version])).toEqual([
      ["keep/a.jpg", 2],
      ["keep/b.tmp", 1],
      ["keep/large.jpg", 1],
      ["old/c.jpg", 1],
    ]);
  });

  it("are refused with every fault", async () => {
    const filters = {
      include: ["a[", "ok/*"],
      minSize: 5,
      maxSize: 1,
      modifiedAfter: "2026-01-02T00:00:00Z",
      modifiedBefore: "2026-01-01T00:00:00Z",
    };
    await expect(create({ options: { filters } })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: {
        faults: [
          { pointer: "/options/filters/include/0" },
          { pointer: "/options/filters/minSize" },
          { pointer: "/options/filters/modifiedAfter" },
        ],
      },
    });
  });
});

describe("A stored source", () => {
  it("is kept with sealed credentials, tested, browsed, synced by its id, and is nobody else's", async () => {
    const access = { endpoint: s3.endpoint, accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
    for (const key of ["a/1", "a/2", "a/deep/3", "b", "c/4"]) s3.put("bucket", `p/${key}`, `${key}, of the stored source`);
    const kept = await as(tenant, "sync.sources.create", {
      name: "Bucket",
      input: "s3://bucket/p",
      s3: access,
      settings: { analyse: false },
    });
    expect(JSON.stringify(kept)).not.toContain(s3.secretAccessKey);
    const { rows } = await database.admin.query("select * from sync.sources where id = $1", [kept.id]);
    expect(JSON.stringify(rows)).not.toContain(s3.secretAccessKey);

    expect(await as(tenant, "sync.sources.test", { id: kept.id })).toMatchObject({ ok: true, error: null });
    const wrong = { ...access, secretAccessKey: "wrong" };
    expect(await as(tenant, "sync.sources.test", { input: "s3://bucket/p", s3: wrong })).toMatchObject({
      ok: false,
      error: { type: "SOURCE_DENIED" },
    });

    const first = await as(tenant, "sync.sources.browse", { id: kept.id, limit: 2 });
    expect(first).toMatchObject({
      entries: [
        { path: "a/", folder: true },
        { path: "b", folder: false, size: 23 },
      ],
      next: "b",
    });
    expect(await as(tenant, "sync.sources.browse", { id: kept.id, after: first.next! })).toMatchObject({
      entries: [{ path: "c/" }],
      next: null,
    });
    expect((await as(tenant, "sync.sources.browse", { id: kept.id, folder: "a/" })).entries.map(({ path }) => path)).toEqual([
      "a/1",
      "a/2",
      "a/deep/",
    ]);

    const job = await rested((await as(tenant, "sync.jobs.create", { sourceId: kept.id })).id);
    expect(job).toMatchObject({ status: "completed", items: { stored: 5 }, sourceId: kept.id });

    for (const attempt of [
      as(other, "sync.sources.get", { id: kept.id }),
      as(other, "sync.sources.test", { id: kept.id }),
      as(other, "sync.jobs.create", { sourceId: kept.id }),
      as(other, "sync.sources.remove", { id: kept.id }),
    ])
      await expect(attempt).rejects.toMatchObject({ type: "SOURCE_NOT_FOUND" });
    await expect(as(tenant, "sync.sources.create", { name: "Bucket", input: pathToFileURL(root).href })).rejects.toMatchObject({
      type: "CONFLICT",
    });
    await expect(as(tenant, "sync.sources.update", { id: kept.id, input: "s3://bucket/q", s3: access })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
    });
    expect(await as(tenant, "sync.sources.update", { id: kept.id, name: "Pictures" })).toMatchObject({
      name: "Pictures",
      settings: { analyse: false },
    });
    await as(tenant, "sync.sources.remove", { id: kept.id });
    expect((await as(tenant, "sync.sources.list", {})).data).toEqual([]);
    await expect(as(tenant, "sync.jobs.create", { sourceId: kept.id })).rejects.toMatchObject({ type: "SOURCE_NOT_FOUND" });
  });
});

describe("Two jobs of one source", () => {
  it("do not undo each other: what one stored is not retired by another that had listed before", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await sync();
    rmSync(join(root, "b.txt"));
    const parked = await sync({ thresholds: { deletes: 0 } });
    expect(parked).toMatchObject({ status: "awaiting_approval", approval: [{ reason: "deletes" }] });
    // It comes back, another job sees that, and it goes again: the parked plan is the same, what it was made of is not.
    write("b.txt", "b, back");
    expect(await sync()).toMatchObject({ status: "completed", items: { stored: 1 } });
    await database.admin.query(`update sync.sync_jobs set status = 'running', approved_by = 'spec' where id = $1`, [parked.id]);
    await as(tenant, "sync.jobs.pause", { id: parked.id });
    await rested(parked.id, "awaiting_approval");
    await as(tenant, "sync.jobs.resume", { id: parked.id });
    expect(await rested(parked.id, "paused")).toMatchObject({ status: "completed", items: { gone: 0 } });
    expect(await assets("gone")).toEqual([]);
  });
});
