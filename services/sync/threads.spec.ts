import { randomBytes } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import { errors } from "../../config/errors.ts";
import { makeTenantKey, openTenantKey, type TenantKeys } from "../../mixins/vault/keys.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { packColumns, unpackResult } from "./wire.ts";
import type { PullRequest } from "./work/pull.ts";
import type { KnownContent } from "./pull.ts";
import type { FileSpec } from "./sources/file.source.ts";
import { openThreads, type Threads } from "./threads.ts";

const MIB = 2 ** 20;
const ring = localKeyRing(`k:${Buffer.alloc(32, 1).toString("base64")}`);
const folder = realpathSync(mkdtempSync(join(tmpdir(), "legendo-threads-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let root: string;
let vault: string;
let keys: TenantKeys;
let threads: Threads;
beforeEach(async () => {
  root = mkdtempSync(join(folder, "source-"));
  vault = mkdtempSync(join(folder, "vault-"));
  keys = await openTenantKey(ring, "tenant", await makeTenantKey(ring, "tenant"));
  threads = openThreads({ threads: 2 });
});
afterEach(() => threads.close());

const source = () => ({ kind: "file", root, uri: pathToFileURL(root).href, host: "" }) as const;
const nothing = () => Promise.resolve(new Set<string>());

function request(...sizes: number[]): PullRequest {
  const items = sizes.map((size, i) => {
    writeFileSync(join(root, String(i)), randomBytes(size));
    return { path: String(i), size, modifiedAt: null, fingerprint: "" };
  });
  const store = { url: pathToFileURL(vault).href, fsync: false };
  return { source: source(), keys, store, items: packColumns(items), compress: false, strict: false, parts: [] };
}
const pulling = async (request: PullRequest, known: KnownContent, signal?: AbortSignal, pool = threads) =>
  unpackResult(
    await pool.work("pull", request, signal, async (question) =>
      question.kind === "known" ? await known(question.contentIds) : undefined,
    ),
  );
const checking = (place: FileSpec) => threads.work("check", { place, purpose: "read" });
const stored = () => readdirSync(vault, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());

describe("Worker threads", () => {
  it("list a source in pages, with what is wrong with single entries", async () => {
    for (let i = 0; i < 2050; i++) writeFileSync(join(root, `file ${i}`), "");
    mkdirSync(join(root, "z"));
    writeFileSync(join(root, "z", "n".repeat(200)), "content");
    const pages: number[] = [];
    for await (const page of threads.list(source())) {
      pages.push(page.length);
      expect(page.every(({ path, fingerprint, modifiedAt }) => path && fingerprint && modifiedAt! > 0)).toBe(true);
      if (pages.length === 2) expect(page.at(-1)).toMatchObject({ path: `z/${"n".repeat(200)}`, size: 7 });
    }
    expect(pages).toEqual([2000, 51]);
    await expect(checking({ ...source(), root: join(root, "none") })).rejects.toMatchObject({ type: "SOURCE_MISSING", code: 404 });
    await expect(
      threads
        .list({ ...source(), root: join(root, "none") })
        [Symbol.asyncIterator]()
        .next(),
    ).rejects.toMatchObject({
      type: "SOURCE_MISSING",
    });
  });

  it("stop listing when the reader leaves or aborts, and then take other work", async () => {
    for (let i = 0; i < 2050; i++) writeFileSync(join(root, String(i)), "");
    for await (const page of threads.list(source())) {
      expect(page).toHaveLength(2000);
      break;
    }
    const abort = new AbortController();
    const reading = async () => {
      for await (const page of threads.list(source(), abort.signal)) abort.abort(new Error(`enough after ${page.length}`));
    };
    await expect(reading()).rejects.toThrow("enough after 2000");
    await checking(source());
  });

  it("pull more batches than there are threads, asking the caller what is known", async () => {
    const batch = request(10, 20, 30, MIB);
    const asked: string[] = [];
    const results = await Promise.all(
      Array.from({ length: 9 }, () =>
        pulling(batch, (ids) => {
          const known = new Set(asked);
          asked.push(...ids);
          return Promise.resolve(known);
        }),
      ),
    );
    expect(results.flatMap(({ items }) => items.filter(({ deduplicated }) => !deduplicated))).toHaveLength(4);
    const [pack, ...others] = results.flatMap(({ pack }) => pack ?? []);
    expect(others).toEqual([]);
    expect(stored()).toHaveLength(1);
    expect(Buffer.isBuffer(pack!.wrappedDataKey)).toBe(true);
    for (const { items } of results) {
      expect(items.map(({ size }) => size)).toEqual([10, 20, 30, MIB]);
      expect(items.every(({ contentId, checksum }) => [contentId, checksum].every((digest) => /^[0-9a-f]{64}$/.test(digest)))).toBe(true);
    }
  });

  it("hand on what the caller's answer threw, and keep nothing of that batch", async () => {
    const lost = errors.fenced("taken over");
    await expect(pulling(request(10), () => Promise.reject(lost))).rejects.toBe(lost);
    expect(stored()).toEqual([]);
  });

  it("reject an aborted batch with the abort's reason once nothing is left of it", async () => {
    const abort = new AbortController();
    const batch = request(64 * MIB);
    setTimeout(() => abort.abort(new Error("cancelled")), 40);
    await expect(pulling(batch, nothing, abort.signal)).rejects.toThrow("cancelled");
    expect(stored()).toEqual([]);
    await expect(pulling(request(10), nothing, abort.signal)).rejects.toThrow("cancelled");
  });

  it("reject a waiting batch at once when it is aborted before its turn", async () => {
    const abort = new AbortController();
    const batch = request(10);
    const blocked = new Promise<ReadonlySet<string>>((resolve) =>
      abort.signal.addEventListener("abort", () => setTimeout(() => resolve(new Set()), 50)),
    );
    const running = Array.from({ length: 4 }, () => pulling(batch, () => blocked));
    const waiting = pulling(batch, nothing, abort.signal);
    setTimeout(() => abort.abort(new Error("cancelled")), 20);
    await expect(waiting).rejects.toThrow("cancelled");
    expect(await Promise.all(running)).toHaveLength(4);
  });

  it("take the first batch of a job at once, however many of another wait", async () => {
    const one = openThreads({ threads: 1 });
    const batch = request(10);
    const [many, few] = [new AbortController(), new AbortController()];
    let asked = 0;
    const freed = Promise.withResolvers<ReadonlySet<string>>();
    const blocked = () => {
      asked++;
      return freed.promise;
    };
    try {
      const running = Array.from({ length: 4 }, () => pulling(batch, blocked, many.signal, one));
      expect((await pulling(batch, nothing, few.signal, one)).items).toHaveLength(1);
      expect(asked).toBe(2);
      freed.resolve(new Set());
      expect(await Promise.all(running)).toHaveLength(4);
    } finally {
      await one.close();
    }
  });

  it("reject a crashed thread's work as retryable, and go on with a new thread", async () => {
    const crashes: Error[] = [];
    const small = openThreads({ threads: 1, heap: 24, onCrash: (error) => crashes.push(error) });
    const batch = request(10);
    // More than the thread has memory for.
    const flood = () =>
      Promise.resolve(new Set(Array.from({ length: 300_000 }, (_, i) => `content id ${i} of a catalogue that knows too much`)));
    try {
      const lost = { type: "WORKER_THREAD_LOST", retryable: true };
      const beside = expect(pulling(batch, () => new Promise(() => {}), undefined, small)).rejects.toMatchObject(lost);
      await expect(pulling(batch, flood, undefined, small)).rejects.toMatchObject(lost);
      await beside;
      expect(crashes).toMatchObject([lost]);
      expect(stored()).toEqual([]);
      expect((await pulling(batch, nothing, undefined, small)).items).toHaveLength(1);
    } finally {
      await small.close();
    }
  });

  it("reject what is under way, and what comes later, when their pool is closed", async () => {
    const lost = { type: "WORKER_THREAD_LOST", retryable: true };
    const batch = request(10);
    const hanging = expect(pulling(batch, () => new Promise(() => {}))).rejects.toMatchObject(lost);
    await new Promise((resolve) => setTimeout(resolve, 100));
    await threads.close();
    await hanging;
    await expect(pulling(batch, nothing)).rejects.toMatchObject(lost);
  });
});
