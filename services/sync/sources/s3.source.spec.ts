import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { startS3, type S3Double } from "../../../test/s3/double.ts";
import { drained, listed, sourceContract } from "./contract.ts";
import { openSource } from "./kinds.ts";
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
    s3 = await startS3({ buckets: ["bucket", "public"], open: ["public"] });
  });
  beforeEach(async () => {
    Object.assign(s3.faults, { slowDown: 0, truncate: 0, stall: 0, expired: false, denied: false });
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
