import { createHash, randomBytes } from "node:crypto";
import { appendFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, unlinkSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { errors } from "../../config/errors.ts";
import { startS3, type S3Double } from "../../test/s3/double.ts";
import { contentId, makeTenantKey, openTenantKey, unmaskChecksum, type TenantKeyRecord, type TenantKeys } from "../../mixins/vault/keys.ts";
import { localKeyRing } from "../../mixins/vault/kms/local.ts";
import { openStore, type Store, type StoredObject } from "../../mixins/vault/store.ts";
import { readWhole } from "../../mixins/vault/ticket.ts";
import type { FetchItem } from "./plan.ts";
import { arenaSize, pull, PART, type Pull, type PullResult, type PulledItem, type StoredPart } from "./pull.ts";
import { openSource } from "./sources/kinds.ts";
import type { FileSpec } from "./sources/file.source.ts";
import type { Opened, Source } from "./sources/source.ts";

const MIB = 2 ** 20;
const ring = localKeyRing(`k:${Buffer.alloc(32, 1).toString("base64")}`);
const folder = realpathSync(mkdtempSync(join(tmpdir(), "legendo-pull-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let root: string;
let source: Source;
let store: Store;
let record: TenantKeyRecord;
let keys: TenantKeys;
const arena = Buffer.alloc(arenaSize);

beforeEach(async () => {
  parts = [];
  root = mkdtempSync(join(folder, "source-"));
  source = await openSource({ kind: "file", root, uri: pathToFileURL(root).href, host: "" } satisfies FileSpec);
  store = await openStore({ url: pathToFileURL(mkdtempSync(join(folder, "vault-"))).href, fsync: false });
  record = await makeTenantKey(ring, "tenant");
  keys = await openTenantKey(ring, "tenant", record);
});

function write(path: string, bytes: Buffer): FetchItem {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), bytes);
  return { path, size: bytes.length, modifiedAt: null, fingerprint: "as listed" };
}
let parts: StoredPart[];
const keepPart = (part: StoredPart) => {
  if (!part.number) parts = [];
  return Promise.resolve(void parts.push(part));
};
const nothing = () => Promise.resolve(new Set<string>());
const pulled = (items: FetchItem[], more: Partial<Pull> = {}) =>
  pull({ source, store, keys, items, arena, compress: false, parts: [], known: nothing, stored: keepPart, ...more });
const objects = async () => {
  const all: StoredObject[] = [];
  for await (const page of store.list("")) all.push(...page);
  return all;
};
const hex = (bytes: Buffer) => contentId(keys, createHash("sha256").update(bytes).digest());

/** Reads an item back as a client of the catalogue would. */
function readBack({ pack }: PullResult, { offset, size, stored, encoding }: PulledItem): Promise<Buffer> {
  const packs = offset === null ? parts : [{ ...pack!, offset, stored, size, encoding }];
  const extents = packs.map((extent) => ({
    offset: 0,
    ...extent,
    packId: extent.id,
    length: extent.size,
    wrappedDataKey: extent.wrappedDataKey.toString("base64"),
  }));
  const key = { keyId: record.keyId, masterKeyId: record.masterKeyId, wrapped: record.wrapped.toString("base64") };
  return readWhole({ tenantId: "tenant", keys: [key], length: size, from: 0, extents }, { keys: ring, store }, 64 * MIB);
}

describe("Pulling a batch", () => {
  it("puts its files into one pack, from which each is read back", async () => {
    const contents = [randomBytes(10), Buffer.alloc(0), randomBytes(64 * 1024), randomBytes(200_000), randomBytes(1)];
    const result = await pulled(contents.map((bytes, i) => write(`folder/${i}`, bytes)));
    expect(result.failures).toEqual([]);
    expect(result.pack).toMatchObject({ plainSize: 265_547, tenantKeyId: record.keyId });
    expect(await objects()).toMatchObject([{ key: result.pack!.storageKey, size: result.pack!.sealedSize }]);
    for (const [i, item] of result.items.entries()) {
      const sha256 = createHash("sha256").update(contents[i]!).digest();
      expect(item).toMatchObject({ path: `folder/${i}`, size: contents[i]!.length, deduplicated: false });
      expect((await readBack(result, item)).equals(contents[i]!)).toBe(true);
      expect(item.contentId).toBe(contentId(keys, sha256));
      expect(unmaskChecksum(keys, item.contentId, Buffer.from(item.checksum, "hex"))).toBe(sha256.toString("hex"));
      expect(item.fingerprint).not.toBe("as listed");
    }
  });

  it("stores what the tenant has already, or has twice, only once", async () => {
    const [one, two] = [randomBytes(1000), randomBytes(1000)];
    const items = [write("known", one), write("new", two), write("again", two)];
    const asked: string[][] = [];
    const result = await pulled(items, {
      known: (ids) => {
        asked.push(ids);
        return Promise.resolve(new Set([hex(one)]));
      },
    });
    expect(asked).toEqual([[hex(one), hex(two)]]);
    expect(result.items.map(({ deduplicated, offset }) => [deduplicated, offset])).toEqual([
      [true, null],
      [false, 0],
      [true, null],
    ]);
    expect(result.pack!.plainSize).toBe(1000);
    const repeated = await pulled(items, { known: (ids) => Promise.resolve(new Set(ids)) });
    expect(repeated.pack).toBeUndefined();
    expect(await objects()).toHaveLength(1);
  });

  it("reports the files that fail, each with its cause, and stores the others", async () => {
    const items = [write("gone", randomBytes(10)), write("good", randomBytes(10)), write("folder/in", randomBytes(10))];
    unlinkSync(join(root, "gone"));
    const { failures, ...result } = await pulled([...items, { ...items[0]!, path: "folder" }]);
    expect(result.items.map(({ path }) => path)).toEqual(["good", "folder/in"]);
    expect(failures).toMatchObject([
      { path: "gone", type: "SOURCE_MISSING", retryable: false, attempts: 1 },
      { path: "folder", type: "SOURCE_ITEM_UNSUPPORTED", retryable: false, attempts: 1 },
    ]);
  });

  it("tries a file that changes while it is read three times, and takes it once it holds still", async () => {
    const items = [write("restless", randomBytes(100)), write("settling", randomBytes(100))];
    let settling = 2;
    const watched: Source = {
      ...source,
      open(path) {
        const opened = source.open(path);
        if (path === "restless" || settling-- > 0) appendFileSync(join(root, path), "more");
        return opened;
      },
    };
    const result = await pulled(items, { source: watched });
    expect(result.failures).toMatchObject([{ path: "restless", type: "SOURCE_CHANGED", retryable: true, attempts: 3 }]);
    expect(result.items).toMatchObject([{ path: "settling", size: 108 }]);
    expect(await readBack(result, result.items[0]!)).toHaveLength(108);
  });

  it("takes a file as it is now when it has changed since it was listed, and refuses one that outgrew its batch", async () => {
    const items = [write("grown", randomBytes(100)), write("outgrown", randomBytes(100))];
    write("grown", randomBytes(MIB / 2));
    write("outgrown", randomBytes(arenaSize));
    const result = await pulled(items);
    expect(result.items).toMatchObject([{ path: "grown", size: MIB / 2 }]);
    expect(result.failures).toMatchObject([{ path: "outgrown", type: "SOURCE_CHANGED", message: expect.stringContaining("grew") }]);
  });

  it("leaves nothing in the store when it fails or is aborted half-way", async () => {
    const items = [write("a", randomBytes(2 * MIB)), write("b", randomBytes(2 * MIB))];
    await expect(pulled(items, { known: () => Promise.reject(errors.fenced("taken over")) })).rejects.toMatchObject({ type: "LEASE_LOST" });
    const abort = new AbortController();
    const aborting = pulled(items, {
      signal: abort.signal,
      known: () => {
        abort.abort(new Error("stopped"));
        return nothing();
      },
    });
    await expect(aborting).rejects.toThrow("stopped");
    const full: Store = {
      ...store,
      async create(key) {
        const upload = await store.create(key);
        const write = () => Promise.reject(errors.vaultFull("no room"));
        return { ...upload, write, abort: () => upload.abort() };
      },
    };
    await expect(pulled(items, { store: full })).rejects.toMatchObject({ type: "VAULT_FULL" });
    expect(await objects()).toEqual([]);
  });

  it("gives up as a whole when its source can't be reached for any file", async () => {
    const items = Array.from({ length: 100 }, (_, i) => write(String(i), Buffer.from("x")));
    let opened = 0;
    const dead: Source = {
      ...source,
      open() {
        opened++;
        throw errors.sourceUnreachable("nobody answers");
      },
    };
    await expect(pulled(items, { source: dead })).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
    expect(opened).toBe(16);
  });
});

describe("Pulling with compression", () => {
  it("compresses what shrinks, small or large, and leaves the rest as it is", async () => {
    const text = Buffer.from("a line of text that repeats itself, and so on\n".repeat(400));
    const items = [
      write("text.csv", text),
      write("noise", randomBytes(20_000)),
      write("text.jpg", text.subarray(1)),
      write("tiny", Buffer.from("x")),
    ];
    const result = await pulled(items, { compress: true });
    expect(result.items.map(({ encoding }) => encoding)).toEqual([1, 0, 0, 0]);
    expect(result.items[0]!.stored).toBeLessThan(text.length / 5);
    for (const [i, item] of result.items.entries())
      expect((await readBack(result, item)).equals([text, null, text.subarray(1)][i] ?? (await readFile(join(root, item.path))))).toBe(
        true,
      );
    const large = Buffer.concat(Array.from({ length: 600 }, () => text));
    const whole = await pulled([write("large.txt", large)], { compress: true });
    expect(parts.map(({ encoding }) => encoding)).toEqual([1, 1]);
    expect((await readBack(whole, whole.items[0]!)).equals(large)).toBe(true);
  });
});

describe("Pulling a large file", () => {
  const large = randomBytes(9 * MIB + 7);

  it("stores it in parts, each a pack of its own", async () => {
    const result = await pulled([write("large", large)]);
    expect(result).toMatchObject({ items: [{ size: large.length, offset: null, deduplicated: false }], parts: 2 });
    expect(parts.map(({ number, size }) => [number, size])).toEqual([
      [0, PART],
      [1, large.length - PART],
    ]);
    expect((await readBack(result, result.items[0]!)).equals(large)).toBe(true);
    expect(result.items[0]!.contentId).toBe(hex(large));
  });

  it("says when its content turns out to be known", async () => {
    const result = await pulled([write("large", large)], { known: (ids) => Promise.resolve(new Set(ids)) });
    expect(result).toMatchObject({ items: [{ deduplicated: true, offset: null }], failures: [], parts: 2 });
  });

  it("goes on after the parts that are stored, reading nothing of them again", async () => {
    const item = write("large", large);
    // A file of this very moment is marked as one that may still change.
    await sleep(50);
    await pulled([item]);
    const [first] = parts;
    let read = 0;
    const counted: Source = {
      ...source,
      open(path, signal, from) {
        const opened = source.open(path, signal, from) as Opened;
        const counting = (into: Uint8Array) => {
          const got = opened.read(into) as number;
          read += got;
          return got;
        };
        return { ...opened, read: counting };
      },
    };
    parts = [first!];
    const result = await pulled([item], { source: counted, parts: [first!] });
    expect(read).toBe(large.length - PART);
    expect(result.items[0]!.contentId).toBe(hex(large));
    expect((await readBack(result, result.items[0]!)).equals(large)).toBe(true);
  });

  it("starts anew when the parts are of another state of the file, or damaged", async () => {
    const item = write("large", large);
    await pulled([item]);
    const [first] = parts;
    const other = randomBytes(large.length);
    write("large", other);
    const changed = await pulled([item], { parts: [first!] });
    expect(changed.items[0]!.contentId).toBe(hex(other));
    expect(parts.map(({ number }) => number)).toEqual([0, 1]);
    const [sound] = parts;
    await store.remove(sound!.storageKey);
    const repeated = await pulled([item], { parts: [sound!] });
    expect(repeated.items[0]!.contentId).toBe(hex(other));
    expect((await readBack(repeated, repeated.items[0]!)).equals(other)).toBe(true);
  });

  it("tries again when it changes, then reports it", async () => {
    const item = write("large", large);
    const restless: Source = {
      ...source,
      open(path) {
        const opened = source.open(path);
        appendFileSync(join(root, path), "more");
        return opened;
      },
    };
    const result = await pulled([item], { source: restless });
    expect(result).toMatchObject({ items: [], failures: [{ path: "large", type: "SOURCE_CHANGED", attempts: 3 }] });
    unlinkSync(join(root, "large"));
    expect(await pulled([item])).toMatchObject({ failures: [{ type: "SOURCE_MISSING", attempts: 1 }] });
  });
});

describe("Pulling from a bucket", () => {
  let s3: S3Double;
  beforeAll(async () => {
    s3 = await startS3({ buckets: ["bucket"] });
  });
  afterAll(() => s3.close());

  it("reads many objects at once, through broken and refused requests", async () => {
    const contents = Array.from({ length: 60 }, (_, i) => randomBytes(1000 * i));
    const items = contents.map((bytes, i): FetchItem => {
      s3.put("bucket", `p/${i}`, bytes);
      return { path: String(i), size: bytes.length, modifiedAt: null, fingerprint: "" };
    });
    const { endpoint, accessKeyId, secretAccessKey } = s3;
    const credentials = { accessKeyId, secretAccessKey };
    const bucket = {
      kind: "s3",
      uri: "s3://bucket/p/",
      host: new URL(endpoint).host,
      bucket: "bucket",
      prefix: "p/",
      region: "us-east-1",
      endpoint,
      trusted: true,
      credentials,
    } as const;
    Object.assign(s3.faults, { slowDown: 3, truncate: 5 });
    const result = await pulled(items, { source: await openSource(bucket) });
    expect(result.failures).toEqual([]);
    expect(result.items).toHaveLength(60);
    for (const [i, item] of result.items.entries()) expect((await readBack(result, item)).equals(contents[i]!)).toBe(true);
  });
});
