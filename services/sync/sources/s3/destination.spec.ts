import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { noFaults, startS3, type S3Double } from "../../../../test/s3/double.ts";
import { listed } from "../contract.ts";
import { destinationContract } from "../destination.contract.ts";
import { openDestination, openSource } from "../kinds.ts";
import type { Destination, Writing } from "../source.ts";
import type { S3Spec } from "./place.ts";

const specFor = ({ endpoint, accessKeyId, secretAccessKey }: S3Double, prefix: string): S3Spec => ({
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

destinationContract(
  "A bucket",
  async () => {
    const s3 = await startS3({ buckets: ["bucket"] });
    s3.put("bucket", "some/placed", "beside");
    const prefix = "some/place/";
    const objects = s3.buckets.get("bucket")!;
    const below = (keys: Iterable<string>) => [...keys].filter((key) => key.startsWith(prefix)).map((key) => key.slice(prefix.length));
    return {
      destination: await openDestination(specFor(s3, prefix)),
      source: await openSource(specFor(s3, prefix)),
      async read(path) {
        const found = objects.get(prefix + path);
        if (!found) throw new Error(`${path} is not there.`);
        return await Promise.resolve(found.bytes);
      },
      names: () => Promise.resolve(below([...objects.keys(), ...[...s3.uploads.values()].map(({ key }) => key)])),
      close: () => s3.close(),
    };
  },
  { refuses: ["../out", "in/../../out", "..", ".", "in/./file", "in/", "", "n\0l", "n".repeat(1024)] },
);

describe("A bucket that is written to", () => {
  let s3: S3Double;
  let destination: Destination;
  beforeAll(async () => {
    s3 = await startS3({ buckets: { bucket: {}, elsewhere: { region: "eu-north-7" } }, pageSize: 5 });
    destination = await openDestination(specFor(s3, ""));
  });
  beforeEach(() => {
    Object.assign(s3.faults, noFaults);
    s3.buckets.get("bucket")!.clear();
    s3.requests.length = 0;
  });
  afterAll(async () => {
    destination.close();
    await s3.close();
  });
  const writing = (path: string, content: Buffer): Writing => {
    async function* bytes() {
      for (let at = 0; at < content.length; at += 1_000_000) yield await Promise.resolve(content.subarray(at, at + 1_000_000));
    }
    return { path, size: content.length, modifiedAt: 1_700_000_000_123, bytes: bytes() };
  };

  it("keeps an entry's time with the object, as rclone does", async () => {
    for (const size of [10, 17 * 2 ** 20]) {
      await destination.write(writing("file", randomBytes(size)));
      expect(s3.buckets.get("bucket")!.get("file")!.headers).toEqual({ "x-amz-meta-mtime": "1700000000.123" });
    }
  });

  it("takes keys with empty parts, which only folders can't hold", async () => {
    for (const path of ["/file", "in//file"]) await destination.write(writing(path, Buffer.from("x")));
    expect((await listed(await openSource(specFor(s3, "")))).map(({ path }) => path)).toEqual(["/file", "in//file"]);
  });

  it("sends equal contents so that their ETags are equal", async () => {
    const content = randomBytes(17 * 2 ** 20);
    const prints = [];
    for (const path of ["one", "two"]) prints.push((await destination.write(writing(path, content))).fingerprint.split(".")[2]);
    expect(prints[0]).toBe(prints[1]);
  });

  it("knows its fingerprint where the end of an upload does not tell the ETag", async () => {
    s3.faults.etagless = true;
    const { fingerprint } = await destination.write(writing("large", randomBytes(17 * 2 ** 20)));
    const [entry] = await listed(await openSource(specFor(s3, "")));
    expect(entry!.fingerprint).toBe(fingerprint);
  });

  it("waits and tries again when the server asks to slow down", async () => {
    s3.faults.slowDown = 2;
    await destination.write(writing("file", Buffer.from("content")));
    expect(s3.buckets.get("bucket")!.get("file")!.bytes.toString()).toBe("content");
  });

  it.each([
    ["a full bucket", { full: true }, "SOURCE_FULL", true],
    ["a refusal", { denied: true }, "SOURCE_DENIED", false],
    ["expired credentials", { expired: true }, "SOURCE_DENIED", false],
  ])("names %s", async (_, fault, type, retryable) => {
    Object.assign(s3.faults, fault);
    for (const size of [10, 17 * 2 ** 20]) {
      await expect(destination.write(writing("file", randomBytes(size)))).rejects.toMatchObject({ type, retryable });
    }
    await expect(destination.check()).rejects.toMatchObject({ type });
    expect([...s3.buckets.get("bucket")!.keys(), ...s3.uploads.keys()]).toEqual([]);
  });

  it("keeps no parts when the credentials expire half-way, as far as they let it", async () => {
    s3.faults.expired = 2;
    await expect(destination.write(writing("file", randomBytes(30 * 2 ** 20)))).rejects.toMatchObject({
      type: "SOURCE_DENIED",
      message: expect.stringContaining("have expired"),
    });
    expect(s3.buckets.get("bucket")!.size).toBe(0);
    s3.uploads.clear();
  });

  it("is cleared by a check of uploads whose writer was killed more than a day ago, and of no others", async () => {
    const place = await openDestination(specFor(s3, "mirror/"));
    const day = 86_400_000;
    const upload = (key: string, begun: number, touched: number, initiator = s3.accessKeyId) => {
      const [first, last] = [new Date(Date.now() - begun), new Date(Date.now() - touched)];
      s3.uploads.set(`${key}-id`, { key, headers: {}, parts: new Map([[1, Buffer.alloc(8)]]), begun: first, touched: last, initiator });
    };
    for (let i = 0; i < 12; i++) upload(`mirror/dead ä+${i}`, 3 * day, 2 * day);
    upload("mirror/long", 3 * day, 60_000);
    upload("mirror/young", 60_000, 60_000);
    upload("mirror/strange", 3 * day, 2 * day, "somebody");
    upload("beside", 3 * day, 2 * day);
    await place.check();
    expect([...s3.uploads.values()].map(({ key }) => key).sort()).toEqual(["beside", "mirror/long", "mirror/strange", "mirror/young"]);
    s3.uploads.clear();
    place.close();
  });

  it("in another region is found there", async () => {
    const far = await openDestination({ ...specFor(s3, ""), bucket: "elsewhere" });
    await far.write(writing("large", randomBytes(17 * 2 ** 20)));
    expect([...s3.buckets.get("elsewhere")!.keys()]).toEqual(["large"]);
    far.close();
  });

  it("holds no more than a few large entries in memory, however many are to be written", async () => {
    const content = randomBytes(17 * 2 ** 20);
    let begun = 0;
    let most = 0;
    const counted = (path: string): Writing => {
      const { bytes, ...rest } = writing(path, content);
      async function* counting() {
        most = Math.max(most, ++begun);
        yield* bytes;
        begun--;
      }
      return { ...rest, bytes: counting() };
    };
    await Promise.all(Array.from({ length: 8 }, (_, i) => destination.write(counted(`large/${i}`))));
    expect(most).toBe(4);
    const [first, ...others] = [...s3.buckets.get("bucket")!.values()];
    expect(first!.bytes.equals(content)).toBe(true);
    expect(others.map(({ etag }) => etag)).toEqual(Array(7).fill(first!.etag));
  });
});
