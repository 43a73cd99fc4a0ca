import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { createHash, randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { crc32 } from "node:zlib";
import { startProxy } from "../../../test/proxy.ts";
import { noFaults, startS3, type S3Double } from "../../../test/s3/double.ts";
import { makeCertificates } from "../../../test/servers/certificates.ts";
import { drained, listed, sourceContract } from "./contract.ts";
import { kindOf, openSource } from "./kinds.ts";
import type { S3Spec } from "./s3.source.ts";
import type { Source } from "./source.ts";

const specFor = ({ endpoint, accessKeyId, secretAccessKey }: S3Double, prefix = ""): S3Spec => ({
  kind: "s3",
  uri: `s3://bucket/${prefix}`,
  bucket: "bucket",
  prefix,
  region: "us-east-1",
  host: new URL(endpoint).host,
  endpoint,
  trusted: true,
  credentials: { accessKeyId, secretAccessKey },
});

sourceContract("A bucket", async () => {
  const s3 = await startS3({ buckets: ["bucket"] });
  const prefix = "some/place/";
  s3.put("bucket", "some/place", "beside");
  s3.put("bucket", "some/placed", "beside");
  return {
    source: await openSource(specFor(s3, prefix)),
    put: (path, bytes) => Promise.resolve(s3.put("bucket", prefix + path, bytes)),
    remove: (path) => Promise.resolve(void s3.buckets.get("bucket")!.delete(prefix + path)),
    close: () => s3.close(),
  };
});

describe("A bucket", () => {
  let s3: S3Double;
  let source: Source;
  const bytes = randomBytes(500_000);
  beforeAll(async () => {
    s3 = await startS3({
      buckets: {
        bucket: {},
        public: { open: true },
        kept: { versioned: true },
        elsewhere: { region: "eu-north-7" },
        charging: { requesterPays: true },
      },
      pageSize: 7,
      domains: ["s3.double.test"],
    });
  });
  beforeEach(async () => {
    Object.assign(s3.faults, noFaults);
    s3.buckets.get("bucket")!.clear();
    s3.put("bucket", "file", bytes);
    s3.requests.length = 0;
    source = await openSource({ ...specFor(s3), silence: 300 });
  });
  afterAll(() => s3.close());

  it("leaves out the empty objects that stand for folders", async () => {
    s3.put("bucket", "folder/", "");
    s3.put("bucket", "folder/in", "x");
    expect((await listed(source)).map(({ path }) => path)).toEqual(["file", "folder/in"]);
  });

  it("reports a key that the catalogue can't keep", async () => {
    s3.put("bucket", "a\0b", "x");
    const [entry] = await listed(source);
    expect(entry).toMatchObject({ path: "a\u0001b", problem: { type: "SOURCE_ITEM_UNSUPPORTED" } });
  });

  it("has the same fingerprint in listing and object although only one has milliseconds", async () => {
    s3.put("bucket", "file", bytes, new Date("2024-02-03T04:05:06.789Z"));
    const [entry] = await listed(source);
    const opened = await source.open("file");
    opened.close();
    expect(opened.fingerprint).toBe(entry!.fingerprint);
  });

  it.each(["truncate", "stall"] as const)("goes on where a body broke off (%s), with If-Match", async (fault) => {
    s3.faults[fault] = 2;
    expect((await drained(await source.open("file"), 70_000)).equals(bytes)).toBe(true);
    expect(s3.requests).toEqual(["GET /bucket/file", "GET /bucket/file", "GET /bucket/file"]);
  });

  it("gives up on a body that breaks off again and again", async () => {
    s3.faults.truncate = 10;
    await expect(drained(await source.open("file"), 70_000)).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
  });

  it("waits and tries again when an object is asked for too fast, and goes on with it so", async () => {
    s3.faults.slowDown = 2;
    expect((await drained(await source.open("file"), 70_000)).equals(bytes)).toBe(true);
    expect(s3.requests).toHaveLength(3);
    Object.assign(s3.faults, { truncate: 1, slowDown: 0 });
    const opened = await source.open("file");
    s3.faults.slowDown = 2;
    expect((await drained(opened, 70_000)).equals(bytes)).toBe(true);
  });

  it("refuses to go on with an object that was replaced meanwhile", async () => {
    s3.faults.truncate = 1;
    const opened = await source.open("file");
    s3.put("bucket", "file", randomBytes(500_000));
    await expect(drained(opened, 70_000)).rejects.toMatchObject({ type: "SOURCE_CHANGED", retryable: true });
  });

  it("waits and tries again when the server asks to slow down", async () => {
    s3.faults.slowDown = 2;
    expect(await listed(source)).toHaveLength(1);
    s3.faults.slowDown = 100;
    await expect(listed(source)).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
  });

  it.each([
    ["expired credentials", { expired: true }],
    ["a refusal", { denied: true }],
  ])("names %s", async (_, fault) => {
    Object.assign(s3.faults, fault);
    for (const work of [source.check(), listed(source), Promise.resolve(source.open("file"))]) {
      await expect(work).rejects.toMatchObject({ type: "SOURCE_DENIED", retryable: false });
    }
  });

  it("names a missing bucket and wrong credentials", async () => {
    const elsewhere = await openSource({ ...specFor(s3), bucket: "nowhere" });
    await expect(elsewhere.check()).rejects.toMatchObject({ type: "SOURCE_MISSING", message: expect.stringContaining("nowhere") });
    const wrong = await openSource({ ...specFor(s3), credentials: { accessKeyId: s3.accessKeyId, secretAccessKey: "wrong" } });
    await expect(wrong.check()).rejects.toMatchObject({ type: "SOURCE_DENIED", message: expect.stringContaining("SignatureDoesNotMatch") });
  });

  it("is read unsigned without credentials: a public one opens, another does not", async () => {
    s3.put("public", "file", "open to all");
    const { credentials: _, ...anonymous } = specFor(s3);
    const open = await openSource({ ...anonymous, bucket: "public" });
    expect((await listed(open)).map(({ path }) => path)).toEqual(["file"]);
    expect((await drained(await open.open("file"))).toString()).toBe("open to all");
    await expect((await openSource(anonymous)).check()).rejects.toMatchObject({ type: "SOURCE_DENIED" });
  });

  it("whose server knows no ranges is read from any byte on, and goes on where a body broke off", async () => {
    s3.faults.rangeless = true;
    const opened = await source.open("file", undefined, 300_000);
    expect(opened.size).toBe(bytes.length);
    expect((await drained(opened, 70_000)).equals(bytes.subarray(300_000))).toBe(true);
    s3.faults.truncate = 1;
    expect((await drained(await source.open("file"), 70_000)).equals(bytes)).toBe(true);
  });

  it("says that an object is shorter than the byte it is to be read from", async () => {
    const opened = await source.open("file", undefined, bytes.length + 1);
    expect(opened.size).toBe(bytes.length);
    await expect(drained(opened)).rejects.toMatchObject({ type: "SOURCE_CHANGED" });
  });

  it("uses a connection again when it has read a body to its end", async () => {
    const before = s3.connections;
    for (let i = 0; i < 20; i++) {
      const opened = await source.open("file");
      const into = Buffer.alloc(bytes.length);
      for (let at = 0; at < into.length;) at += await opened.read(into.subarray(at));
      await opened.verify();
      opened.close();
      await new Promise(setImmediate);
    }
    expect(s3.connections - before).toBeLessThan(4);
  });

  it("ends at once when it is told to while nothing comes", async () => {
    s3.faults.stall = 1;
    const patient = await openSource({ ...specFor(s3), silence: 30_000 });
    const abort = new AbortController();
    const opened = await patient.open("file", abort.signal);
    setTimeout(() => abort.abort(new Error("enough")), 50);
    await expect(drained(opened)).rejects.toThrow("enough");
    patient.close();
  });

  it.each([
    ["SHA-256", "x-amz-checksum-sha256", createHash("sha256").update(bytes).digest("base64")],
    ["CRC-32", "x-amz-checksum-crc32", Buffer.from(crc32(bytes).toString(16).padStart(8, "0"), "hex").toString("base64")],
  ])("compares what it read with the %s that the bucket keeps", async (name, header, sum) => {
    s3.put("bucket", "sums", bytes, { headers: { [header]: sum } });
    expect((await drained(await source.open("sums"), 70_000)).equals(bytes)).toBe(true);
    s3.faults.truncate = 1;
    expect((await drained(await source.open("sums"), 70_000)).equals(bytes)).toBe(true);
    expect((await drained(await source.open("sums", undefined, 10), 70_000)).equals(bytes.subarray(10))).toBe(true);
    s3.faults.corrupt = 1;
    await expect(drained(await source.open("sums"), 70_000)).rejects.toMatchObject({
      type: "SOURCE_CHANGED",
      message: expect.stringContaining(`${name} is ${sum} in the bucket`),
    });
    // The sum of a multipart object is of its parts' sums.
    s3.put("bucket", "parts", bytes, { headers: { [header]: `${sum}-2` } });
    expect((await drained(await source.open("parts"), 70_000)).equals(bytes)).toBe(true);
  });

  it("says of each archived object that it has to be restored", async () => {
    s3.put("bucket", "old", "x", { storageClass: "GLACIER" });
    expect(await listed(source)).toHaveLength(2);
    await expect(source.open("old")).rejects.toMatchObject({
      type: "SOURCE_ITEM_UNSUPPORTED",
      message: "old is archived (GLACIER): it has to be restored in bucket bucket before it can be read.",
    });
  });

  it("says half-way that the credentials have expired, and does not ask again", async () => {
    for (let i = 0; i < 30; i++) s3.put("bucket", `many/${String(i).padStart(2, "0")}`, "x");
    s3.faults.expired = 2;
    const expired = { type: "SOURCE_DENIED", retryable: false, message: expect.stringContaining("have expired") };
    await expect(listed(source)).rejects.toMatchObject(expired);
    expect(s3.requests).toHaveLength(3);
    Object.assign(s3.faults, { expired: 1, truncate: 1 });
    await expect(drained(await source.open("file"), 70_000)).rejects.toMatchObject(expired);
    expect(s3.requests).toHaveLength(5);
  });

  it("whose clock runs hours ahead is asked by its time, after one refusal", async () => {
    s3.faults.clock = 5 * 3_600_000;
    for (let i = 0; i < 3; i++) expect((await drained(await source.open("file"), 70_000)).equals(bytes)).toBe(true);
    expect(s3.requests).toHaveLength(4);
    expect((await listed(source)).map(({ path }) => path)).toEqual(["file"]);
  });

  it("in another region is found there, once for all requests", async () => {
    s3.put("elsewhere", "file", bytes);
    const far = await openSource({ ...specFor(s3), bucket: "elsewhere" });
    await far.check();
    expect(await listed(far)).toHaveLength(1);
    expect((await drained(await far.open("file"), 70_000)).equals(bytes)).toBe(true);
    expect(s3.requests).toHaveLength(4);
    const same = await openSource({ ...specFor(s3), bucket: "elsewhere" });
    const parallel = await Promise.all(Array.from({ length: 5 }, async () => drained(await same.open("file"), 70_000)));
    expect(parallel.every((each) => each.equals(bytes))).toBe(true);
  });

  it("whose owner charges those who ask is read by those who agree to it", async () => {
    s3.put("charging", "file", bytes);
    const spec = { ...specFor(s3), bucket: "charging" };
    await expect((await openSource(spec)).check()).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    const paying = await openSource({ ...spec, requesterPays: true });
    expect(await listed(paying)).toHaveLength(1);
    expect((await drained(await paying.open("file"), 70_000)).equals(bytes)).toBe(true);
  });

  it("is asked through a proxy, with its name in the path or before the host's", async () => {
    const proxy = await startProxy(() => new URL(s3.endpoint).host);
    const through = { ...specFor(s3), endpoint: "http://s3.double.test:1234", proxy: proxy.url, trusted: undefined };
    try {
      for (const [pathStyle, host] of [
        [true, "s3.double.test:1234"],
        [false, "bucket.s3.double.test:1234"],
      ] as const) {
        const tunnelled = await openSource({ ...through, pathStyle });
        expect((await listed(tunnelled)).map(({ path }) => path)).toEqual(["file"]);
        expect((await drained(await tunnelled.open("file"), 70_000)).equals(bytes)).toBe(true);
        tunnelled.close();
        expect(new Set(proxy.asked.splice(0))).toEqual(new Set([host]));
      }
      const stranger = await openSource({ ...through, proxy: proxy.url.replace("user:", "other:") });
      await expect(stranger.check()).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", message: expect.stringContaining("407") });
    } finally {
      await proxy.close();
    }
  });

  it("of AWS has its name before the host's unless it is wanted otherwise, and moves to the host of its region", async () => {
    const folder = mkdtempSync(join(tmpdir(), "legendo-aws-"));
    const hosts = ["us-east-1", "eu-north-7"].map((region) => `s3.${region}.amazonaws.com`);
    const tls = makeCertificates(folder, hosts.map((host) => `DNS:${host},DNS:*.${host}`).join(","));
    const aws = await startS3({ buckets: { bucket: { region: "eu-north-7" }, "with.dots": {} }, domains: hosts, tls });
    const proxy = await startProxy(() => new URL(aws.endpoint).host);
    const { endpoint: _, ...spec } = { ...specFor(aws), proxy: proxy.url, ca: tls.ca };
    try {
      aws.put("bucket", "file", bytes);
      for (const [more, asked] of [
        [{}, ["bucket.s3.us-east-1.amazonaws.com:443", "bucket.s3.eu-north-7.amazonaws.com:443"]],
        [{ region: "eu-north-7" }, ["bucket.s3.eu-north-7.amazonaws.com:443"]],
        [{ region: "eu-north-7", pathStyle: true }, ["s3.eu-north-7.amazonaws.com:443"]],
        [{ bucket: "with.dots" }, ["s3.us-east-1.amazonaws.com:443"]],
      ] as const) {
        const source = await openSource({ ...spec, ...more });
        await source.check();
        for (const { path } of await listed(source)) {
          expect((await drained(await source.open(path), 70_000)).equals(bytes)).toBe(true);
        }
        source.close();
        expect([...new Set(proxy.asked.splice(0))]).toEqual(asked);
      }
    } finally {
      await Promise.all([proxy.close(), aws.close()]);
      rmSync(folder, { recursive: true });
    }
  });

  it("whose certificate nobody trusts is not read, unless its authority was named", async () => {
    const folder = mkdtempSync(join(tmpdir(), "legendo-tls-"));
    const tls = makeCertificates(folder);
    const secure = await startS3({ buckets: ["bucket"], tls });
    try {
      const untrusted = await openSource(specFor(secure));
      await expect(untrusted.check()).rejects.toMatchObject({ message: expect.stringContaining("unable to verify") });
      const named = await openSource({ ...specFor(secure), ca: tls.ca });
      await named.check();
      for (const each of [untrusted, named]) each.close();
    } finally {
      await secure.close();
      rmSync(folder, { recursive: true });
    }
  });

  it("that keeps versions is read to the end in the version it was opened with", async () => {
    s3.put("kept", "file", bytes);
    const kept = await openSource({ ...specFor(s3), bucket: "kept" });
    s3.faults.truncate = 1;
    const opened = await kept.open("file");
    s3.put("kept", "file", "newer");
    expect((await drained(opened, 70_000)).equals(bytes)).toBe(true);
    s3.delete("kept", "file");
    expect(await listed(kept)).toEqual([]);
    await expect(kept.open("file")).rejects.toMatchObject({ type: "SOURCE_MISSING" });
  });

  it("that keeps versions is listed and read as it was at a moment", async () => {
    const day = (n: number) => new Date(Date.UTC(2024, 0, n));
    for (let n = 1; n <= 9; n++) s3.put("kept", "often", `on day ${n}`, day(n));
    s3.put("kept", "gone", "was here", day(2));
    s3.delete("kept", "gone", day(4));
    s3.put("kept", "often-not", "later", day(6));
    s3.put("kept", "same-second", "put", day(3));
    s3.delete("kept", "same-second", day(3));
    s3.put("kept", "ä b+c", "odd", day(1));
    const seen = async (n: number) => {
      const then = await openSource({ ...specFor(s3), bucket: "kept", asOf: day(n).getTime() });
      await then.check();
      const paths = (await listed(then)).map(({ path }) => path);
      const contents = await Promise.all(paths.map(async (path) => (await drained(await then.open(path))).toString()));
      for (const path of paths) {
        const rest = (await listed(then, undefined, path)).map((entry) => entry.path);
        expect(rest).toEqual(paths.slice(paths.indexOf(path) + 1));
      }
      return Object.fromEntries(paths.map((path, i) => [path, contents[i]]));
    };
    expect(await seen(0)).toEqual({});
    expect(await seen(3)).toEqual({ gone: "was here", often: "on day 3", "ä b+c": "odd" });
    expect(await seen(7)).toEqual({ often: "on day 7", "often-not": "later", "ä b+c": "odd" });
    const then = await openSource({ ...specFor(s3), bucket: "kept", asOf: day(5).getTime() });
    for (const path of ["gone", "often-not", "nowhere", "oft"]) {
      await expect(then.open(path)).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    }
  });

  it("knows content by an ETag only where that is made of the content", () => {
    const s3Kind = kindOf({ kind: "s3" });
    expect(s3Kind.contentTag("5.abc.d41d8cd98f00b204e9800998ecf8427e")).toBe("5.d41d8cd98f00b204e9800998ecf8427e");
    expect(s3Kind.contentTag("5.abc.d41d8cd98f00b204e9800998ecf8427e-12")).toBe("5.d41d8cd98f00b204e9800998ecf8427e-12");
    for (const other of ["5.abc.", "5.abc.1", "5.abc.W/x", "5.abc.d41d8cd9.8f00b204"]) expect(s3Kind.contentTag(other)).toBeNull();
  });

  it("on a name that leads to a private address is not asked unless the operator trusts it", async () => {
    const endpoint = s3.endpoint.replace("127.0.0.1", "localhost");
    const untrusted = await openSource({ ...specFor(s3), endpoint, trusted: false });
    await expect(untrusted.check()).rejects.toMatchObject({
      type: "SOURCE_NOT_ALLOWED",
      message: expect.stringContaining("does not lead to public addresses"),
    });
    expect(s3.requests).toEqual([]);
    await (await openSource({ ...specFor(s3), endpoint })).check();
  });
});
