import { randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
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
import type { JobView } from "./job.ts";

const tenant = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa";
const other = "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb";
const granted: Permission[] = ["sync:read", "sync:write", "assets:read", "internal"];
const base = mkdtempSync(join(tmpdir(), "legendo-exports-"));

let database: TestDatabase;
let node: TestNode;
let broker: ServiceBroker;
let s3: S3Double;
let from: string;
let to: string;
const claims: Record<string, string> = {};

beforeAll(async () => {
  s3 = await startS3({ buckets: ["bucket"] });
  Object.assign(process.env, { SYNC_PRIVATE_HOSTS: new URL(s3.endpoint).host, SYNC_WRITE_ROOTS: base });
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
  rmSync(base, { recursive: true, force: true });
});
beforeEach(() => {
  from = mkdtempSync(join(base, "from-"));
  to = mkdtempSync(join(base, "to-"));
});
afterEach(() => s3.buckets.get("bucket")!.clear());

const as = <N extends ActionName>(tenantId: string, name: N, params: ActionMap[N]["params"]) =>
  call(broker, name, params, { meta: { claim: claims[tenantId] } });
const uri = (path: string) => pathToFileURL(path).href;

const write = (path: string, content: string | Buffer) => {
  mkdirSync(join(from, path, ".."), { recursive: true });
  writeFileSync(join(from, path), content);
  utimesSync(join(from, path), 1_700_000_000, 1_700_000_000);
};
const tree = (root: string): Record<string, string> =>
  Object.fromEntries(
    readdirSync(root, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
      .map((path) => [path.slice(root.length + 1), readFileSync(path).toString("latin1")]),
  );

const resting = new Set(["completed", "completed_with_errors", "failed", "cancelled", "awaiting_approval"]);
async function rested({ id }: { id: string }, not?: string): Promise<JobView> {
  for (let tries = 0; tries < 600; tries++) {
    const job = await as(tenant, "sync.jobs.get", { id });
    if (resting.has(job.status) && job.status !== not) return job;
    await sleep(50);
  }
  throw new Error("the job did not come to rest");
}
const sync = async () =>
  rested(
    await as(tenant, "sync.jobs.create", { input: uri(from), options: { analyse: false, thresholds: { deleteShare: 1, changeShare: 1 } } }),
  );

describe("A mirror", () => {
  it("makes another folder what was synced, writes only what changed, and takes away what is gone", async () => {
    const large = randomBytes(17 * 2 ** 20);
    write("a.txt", "a");
    write("deep/er/b.bin", randomBytes(3000));
    write("large.bin", large);
    write("text.csv", "repeated,line\n".repeat(2000));
    await sync();
    writeFileSync(join(to, "foreign.txt"), "not ours");
    const first = await rested(await as(tenant, "sync.exports.mirror", { source: uri(from), output: uri(to) }));
    expect(first).toMatchObject({ kind: "mirror", status: "completed", items: { stored: 4, failed: 0 } });
    expect(tree(to)).toEqual({ ...tree(from), "foreign.txt": "not ours" });
    expect(statSync(join(to, "a.txt")).mtimeMs).toBe(1_700_000_000_000);

    expect(await rested(await as(tenant, "sync.exports.mirror", { source: uri(from), output: uri(to) }))).toMatchObject({
      status: "completed",
      items: { stored: 0, unchanged: 4 },
    });

    write("a.txt", "changed");
    rmSync(join(from, "deep"), { recursive: true });
    renameSync(join(from, "large.bin"), join(from, "moved.bin"));
    // Damaged there: what is not as it was written is written again.
    writeFileSync(join(to, "text.csv"), "damaged");
    await sync();
    const third = await rested(
      await as(tenant, "sync.exports.mirror", { source: uri(from), output: uri(to), thresholds: { deleteShare: 1 } }),
    );
    expect(third).toMatchObject({ status: "completed", items: { stored: 3, gone: 2 } });
    expect(tree(to)).toEqual({ ...tree(from), "foreign.txt": "not ours" });
    expect(existsSync(join(to, "deep"))).toBe(false);
  });

  it("serves from one bucket's prefix to another, and waits for approval before it empties a place", async () => {
    const access = { endpoint: s3.endpoint, accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
    for (let i = 0; i < 5; i++) write(`${i}`, `content ${i}`);
    await sync();
    const out = { source: uri(from), output: "s3://bucket/copy", s3: access };
    await rested(await as(tenant, "sync.exports.mirror", out));
    const bucket = s3.buckets.get("bucket")!;
    expect([...bucket.keys()].sort()).toEqual([0, 1, 2, 3, 4].map((i) => `copy/${i}`));
    for (let i = 0; i < 5; i++) rmSync(join(from, `${i}`));
    const emptied = await sync();
    await as(tenant, "sync.jobs.approve", { id: emptied.id });
    await rested(emptied, "awaiting_approval");
    const parked = await rested(await as(tenant, "sync.exports.mirror", out));
    expect(parked).toMatchObject({ status: "awaiting_approval", approval: [{ reason: "emptied" }] });
    expect(bucket.size).toBe(5);
    await as(tenant, "sync.jobs.approve", { id: parked.id });
    expect(await rested(parked, "awaiting_approval")).toMatchObject({ status: "completed", items: { gone: 5 } });
    expect(bucket.size).toBe(0);
  });

  it("is refused where nothing may be written, into its own source, and of another organisation's source", async () => {
    write("a.txt", "a");
    await sync();
    await expect(as(tenant, "sync.exports.mirror", { source: uri(from), output: "file:///etc" })).rejects.toMatchObject({
      type: "SOURCE_NOT_ALLOWED",
    });
    await expect(as(tenant, "sync.exports.mirror", { source: uri(from), output: uri(from) })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
    });
    await expect(as(tenant, "sync.exports.mirror", { source: uri(from), output: "https://example.com/x" })).rejects.toMatchObject({
      type: "SOURCE_SCHEME_UNKNOWN",
    });
    await expect(as(other, "sync.exports.mirror", { source: uri(from), output: uri(to) })).rejects.toMatchObject({
      type: "SOURCE_NOT_FOUND",
    });
  });
});

describe("A restore", () => {
  it("brings back a moment: what changed, moved or went since is as it was", async () => {
    write("a.txt", "first");
    write("b/old name.txt", "moved later");
    write("c.txt", "deleted later");
    await sync();
    const before = tree(from);
    await sleep(20);
    const at = new Date().toISOString();
    await sleep(20);
    write("a.txt", "second, longer");
    renameSync(join(from, "b/old name.txt"), join(from, "new name.txt"));
    rmSync(join(from, "c.txt"));
    write("d.txt", "new");
    await sync();
    const now = tree(from);

    const then = await rested(await as(tenant, "sync.exports.restore", { source: uri(from), at, output: uri(join(to, "then")) }));
    expect(then).toMatchObject({ kind: "restore", status: "completed", items: { stored: 3 } });
    expect(tree(join(to, "then"))).toEqual(before);
    await rested(await as(tenant, "sync.exports.restore", { source: uri(from), output: uri(join(to, "now")) }));
    expect(tree(join(to, "now"))).toEqual(now);
    await rested(await as(tenant, "sync.exports.restore", { source: uri(from), at, prefix: "b/", output: uri(join(to, "folder")) }));
    expect(Object.keys(tree(join(to, "folder")))).toEqual(["b/old name.txt"]);

    const [asset] = (await as(tenant, "sync.assets.list", { source: uri(from), prefix: "a.txt" })).data;
    await rested(await as(tenant, "sync.exports.restore", { assetId: asset!.id, at, output: uri(join(to, "one")) }));
    expect(tree(join(to, "one"))).toEqual({ "a.txt": "first" });
    await expect(as(other, "sync.exports.restore", { assetId: asset!.id, output: uri(to) })).rejects.toMatchObject({
      type: "ASSET_NOT_FOUND",
    });
  });

  describe("where files are there already", () => {
    /** Restores three files over a place that holds one with the same content and one with another. */
    async function restored(existing?: "refuse" | "skip" | "both" | "overwrite") {
      write("same.txt", "same");
      write("in/report.csv", "from the vault");
      write("new.txt", "new");
      await sync();
      const output = join(to, existing ?? "default");
      mkdirSync(join(output, "in"), { recursive: true });
      writeFileSync(join(output, "same.txt"), "same");
      writeFileSync(join(output, "in/report.csv"), "somebody's work");
      utimesSync(join(output, "same.txt"), 1_600_000_000, 1_600_000_000);
      const asked = { source: uri(from), output: uri(output), ...(existing && { existing }) };
      const job = await rested(await as(tenant, "sync.exports.restore", asked));
      const { data } = await as(tenant, "sync.jobs.report", { id: job.id });
      expect(statSync(join(output, "same.txt")).mtimeMs).toBe(1_600_000_000_000);
      return { job, asked, output, report: Object.fromEntries(data.map(({ path, outcome }) => [path, outcome])) };
    }
    const rest = { "new.txt": "new", "same.txt": "same" };

    it("leaves them alone and says which, unless it is told otherwise", async () => {
      const { job, output, report } = await restored();
      expect(job).toMatchObject({ status: "completed_with_errors", items: { total: 3, stored: 1, unchanged: 1, failed: 1 } });
      expect(tree(output)).toEqual({ ...rest, "in/report.csv": "somebody's work" });
      expect(report).toEqual({ "same.txt": "unchanged", "new.txt": "stored" });
      const { data } = await as(tenant, "sync.jobs.failures", { id: job.id });
      expect(data).toMatchObject([{ path: "in/report.csv", type: "DESTINATION_EXISTS" }]);
    });

    it("skips them", async () => {
      const { job, output, report } = await restored("skip");
      expect(job).toMatchObject({ status: "completed", items: { stored: 1, unchanged: 2, failed: 0 } });
      expect(tree(output)).toEqual({ ...rest, "in/report.csv": "somebody's work" });
      expect(report).toMatchObject({ "in/report.csv": "kept" });
    });

    it("writes beside them, once, however often it is asked", async () => {
      const { job, asked, output, report } = await restored("both");
      expect(job).toMatchObject({ status: "completed", items: { stored: 2, unchanged: 1, failed: 0 } });
      const there = { ...rest, "in/report.csv": "somebody's work", "in/report (restored).csv": "from the vault" };
      expect(tree(output)).toEqual(there);
      expect(report).toMatchObject({ "in/report.csv": "beside" });
      expect(await rested(await as(tenant, "sync.exports.restore", asked))).toMatchObject({ items: { stored: 0, unchanged: 3 } });
      expect(tree(output)).toEqual(there);
      writeFileSync(join(output, "in/report (restored).csv"), "more work");
      await rested(await as(tenant, "sync.exports.restore", asked));
      expect(tree(output)).toMatchObject({ "in/report (restored).csv": "more work", "in/report (restored 2).csv": "from the vault" });
    });

    it("overwrites them", async () => {
      write("same.txt", "same");
      write("in/report.csv", "from the vault");
      await sync();
      mkdirSync(join(to, "in"));
      writeFileSync(join(to, "in/report.csv"), "somebody's work");
      const asked = { source: uri(from), output: uri(to), existing: "overwrite" as const };
      expect(await rested(await as(tenant, "sync.exports.restore", asked))).toMatchObject({ status: "completed", items: { stored: 2 } });
      expect(tree(to)).toEqual({ "same.txt": "same", "in/report.csv": "from the vault" });
    });

    it("does the same in a bucket", async () => {
      const access = { endpoint: s3.endpoint, accessKeyId: s3.accessKeyId, secretAccessKey: s3.secretAccessKey };
      write("a.txt", "from the vault");
      write("b.txt", "b");
      await sync();
      s3.put("bucket", "back/a.txt", Buffer.from("somebody's work"));
      const asked = { source: uri(from), output: "s3://bucket/back", s3: access };
      expect(await rested(await as(tenant, "sync.exports.restore", asked))).toMatchObject({
        status: "completed_with_errors",
        items: { stored: 1, failed: 1 },
      });
      await rested(await as(tenant, "sync.exports.restore", { ...asked, existing: "both" }));
      expect([...s3.buckets.get("bucket")!.keys()].sort()).toEqual(["back/a (restored).txt", "back/a.txt", "back/b.txt"]);
    });
  });

  it("is no mirror: what it has brought back to a mirror's place is not removed from there by it", async () => {
    write("a.txt", "a");
    write("b.txt", "b");
    await sync();
    const at = new Date().toISOString();
    await sleep(20);
    rmSync(join(from, "b.txt"));
    await sync();
    await rested(await as(tenant, "sync.exports.mirror", { source: uri(from), output: uri(to) }));
    await rested(await as(tenant, "sync.exports.restore", { source: uri(from), at, prefix: "b", output: uri(to) }));
    await rested(await as(tenant, "sync.exports.mirror", { source: uri(from), output: uri(to), thresholds: { deleteShare: 1 } }));
    expect(tree(to)).toEqual({ "a.txt": "a", "b.txt": "b" });
  });
});
