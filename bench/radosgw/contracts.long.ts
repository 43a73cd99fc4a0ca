import { randomBytes } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Readable } from "node:stream";
import { openBucket, type Bucket } from "../../mixins/vault/bucket.ts";
import { storeContract } from "../../mixins/vault/store.contract.ts";
import { openStore } from "../../mixins/vault/store.ts";
import { drained, listed, sourceContract } from "../../services/sync/sources/contract.ts";
import { destinationContract } from "../../services/sync/sources/destination.contract.ts";
import { openDestination, openSource } from "../../services/sync/sources/kinds.ts";
import type { S3Spec } from "../../services/sync/sources/s3/place.ts";
import { roomOf } from "../../services/sync/sources/s3/room.ts";
import type { Destination } from "../../services/sync/sources/source.ts";
import { startProxy } from "../../test/proxy.ts";
import type { Radosgw } from "../../test/servers/radosgw.ts";

// Run by npm run bench -- radosgw, which starts the server.
const { endpoint, domain, accessKeyId, secretAccessKey } = JSON.parse(process.env["RADOSGW"] ?? "null") as Omit<Radosgw, "close">;
const credentials = { accessKeyId, secretAccessKey };
const region = "us-east-1";
const specFor = (bucket: string, prefix = ""): S3Spec => {
  const host = new URL(endpoint).host;
  return { kind: "s3", uri: `s3://${bucket}/${prefix}`, bucket, prefix, region, host, endpoint, trusted: true, credentials };
};

/** A bucket as another program sees it. */
async function strange(Bucket: string, versioned = false) {
  const { sdk, client }: Bucket = await openBucket({ region, endpoint, credentials });
  await client.send(new sdk.CreateBucketCommand({ Bucket }));
  // Requests that wait for a connection too long would fail.
  const room = roomOf(32);
  const send = async <T>(work: () => Promise<T>): Promise<T> => {
    const release = await room.take(1);
    return work().finally(release);
  };
  if (versioned) await client.send(new sdk.PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status: "Enabled" } }));
  return {
    put: async (Key: string, Body: Buffer) => void (await send(() => client.send(new sdk.PutObjectCommand({ Bucket, Key, Body })))),
    remove: async (Key: string) => void (await send(() => client.send(new sdk.DeleteObjectCommand({ Bucket, Key })))),
    read: async (Key: string) => buffer((await client.send(new sdk.GetObjectCommand({ Bucket, Key }))).Body as Readable),
    head: (Key: string) => client.send(new sdk.HeadObjectCommand({ Bucket, Key })),
    async names() {
      const { Contents = [] } = await client.send(new sdk.ListObjectsV2Command({ Bucket }));
      const { Uploads = [] } = await client.send(new sdk.ListMultipartUploadsCommand({ Bucket }));
      return [...Contents, ...Uploads].map(({ Key }) => Key!);
    },
    close: () => client.destroy(),
  };
}

sourceContract("A bucket of radosgw", async () => {
  const bucket = await strange("source");
  const prefix = "some/place/";
  await bucket.put("some/place", Buffer.from("beside"));
  await bucket.put("some/placed", Buffer.from("beside"));
  return {
    source: await openSource(specFor("source", prefix)),
    put: (path, bytes) => bucket.put(prefix + path, bytes),
    remove: (path) => bucket.remove(prefix + path),
    close: () => Promise.resolve(bucket.close()),
  };
});

destinationContract(
  "A bucket of radosgw",
  async () => {
    const bucket = await strange("destination");
    const prefix = "some/place/";
    return {
      destination: await openDestination(specFor("destination", prefix)),
      source: await openSource(specFor("destination", prefix)),
      read: (path) => bucket.read(prefix + path),
      names: async () => (await bucket.names()).map((key) => key.slice(prefix.length)),
      close: () => Promise.resolve(bucket.close()),
    };
  },
  { refuses: ["../out", "in/../../out", "..", ".", "in/./file", "in/", "", "n\0l", "n".repeat(1024)] },
);

storeContract("A bucket of radosgw", async () => {
  const bucket = await strange("vault");
  const store = await openStore({ url: "s3://vault/packs/of sync", endpoint, ...credentials });
  return {
    store,
    async close() {
      await store.close();
      bucket.close();
    },
  };
});

describe("A bucket of radosgw", () => {
  let bucket: Awaited<ReturnType<typeof strange>>;
  let destination: Destination;
  beforeAll(async () => {
    bucket = await strange("more");
    destination = await openDestination(specFor("more"));
  });
  afterAll(() => {
    bucket.close();
    destination.close();
  });
  const write = (path: string, content: Buffer, modifiedAt: number | null = null) => {
    async function* bytes() {
      for (let at = 0; at < content.length; at += 1_000_000) yield await Promise.resolve(content.subarray(at, at + 1_000_000));
    }
    return destination.write({ path, size: content.length, modifiedAt, bytes: bytes() });
  };

  it("holds a file of 200 MiB in parts, equal ones with equal ETags, and its time", async () => {
    const content = randomBytes(200 * 2 ** 20);
    const begin = Date.now();
    const one = await write("large/one", content, 1_700_000_000_123);
    const seconds = (Date.now() - begin) / 1000;
    const two = await write("large/two", content);
    expect(one.fingerprint.split(".")[2]).toBe(two.fingerprint.split(".")[2]);
    expect((await bucket.head("large/one")).Metadata).toEqual({ mtime: "1700000000.123" });
    const source = await openSource(specFor("more", "large/"));
    const reading = Date.now();
    const same = (await drained(await source.open("one"), 2 ** 20)).equals(content);
    const took = (Date.now() - reading) / 1000;
    expect(same).toBe(true);
    expect((await drained(await source.open("one", undefined, 190 * 2 ** 20), 2 ** 20)).equals(content.subarray(190 * 2 ** 20))).toBe(true);
    console.log(`200 MiB written in ${seconds.toFixed(2)} s, read in ${took.toFixed(2)} s`);
    source.close();
  });

  it("refuses a wrong secret, an unknown bucket and who does not sign", async () => {
    const wrong = await openSource({ ...specFor("more"), credentials: { accessKeyId, secretAccessKey: "wrong" } });
    await expect(wrong.check()).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    await expect((await openSource(specFor("nowhere"))).check()).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    const { credentials: _, ...unsigned } = specFor("more");
    await expect((await openSource(unsigned)).check()).rejects.toMatchObject({ type: "SOURCE_DENIED" });
  });

  it("is found with its name before the host's, through a proxy", async () => {
    await bucket.put("virtual/file", Buffer.from("content"));
    const proxy = await startProxy(() => new URL(endpoint).host);
    try {
      const place = { endpoint: `http://${domain}:8080`, proxy: proxy.url, trusted: false, pathStyle: false };
      const source = await openSource({ ...specFor("more", "virtual/"), ...place });
      expect((await listed(source)).map(({ path }) => path)).toEqual(["file"]);
      expect((await drained(await source.open("file"))).toString()).toBe("content");
      source.close();
      expect(new Set(proxy.asked)).toEqual(new Set([`more.${domain}:8080`]));
    } finally {
      await proxy.close();
    }
  });

  it("that keeps versions is listed and read as it was at a moment", async () => {
    const kept = await strange("kept", true);
    const later = () => new Promise((resolve) => setTimeout(resolve, 1100));
    const moments: number[] = [];
    const contents: Record<string, string>[] = [];
    const now: Record<string, string> = {};
    for (let round = 0; round < 4; round++) {
      for (const key of ["a", "a b+c", "ä/in", `only ${round}`]) {
        now[key] = `${key} of round ${round}`;
        await kept.put(key, Buffer.from(now[key]));
      }
      if (round === 2) {
        await kept.remove("a");
        delete now["a"];
      }
      contents.push({ ...now });
      await later();
      moments.push(Date.now());
      await later();
    }
    for (const [round, asOf] of moments.entries()) {
      const then = await openSource({ ...specFor("kept"), asOf });
      const entries = await listed(then);
      const read = await Promise.all(entries.map(async ({ path }) => [path, (await drained(await then.open(path))).toString()]));
      expect(Object.fromEntries(read)).toEqual(contents[round]);
      for (const [i, { path }] of entries.entries()) expect(await listed(then, undefined, path)).toEqual(entries.slice(i + 1));
      then.close();
    }
    const before = await openSource({ ...specFor("kept"), asOf: moments[2]! });
    await expect(before.open("a")).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    before.close();
    kept.close();
  });

  it("that keeps versions is listed at a moment over many pages, with keys of many versions", async () => {
    const kept = await strange("many", true);
    const keys = Array.from({ length: 1100 }, (_, i) => `key ${String(i).padStart(4, "0")}`);
    for (let at = 0; at < keys.length; at += 64)
      await Promise.all(keys.slice(at, at + 64).map((key) => kept.put(key, Buffer.from("first"))));
    await new Promise((resolve) => setTimeout(resolve, 1100));
    const asOf = Date.now();
    await new Promise((resolve) => setTimeout(resolve, 1100));
    for (let i = 0; i < 40; i++) await kept.put(keys[990]!, Buffer.from(`later ${i}`));
    for (const key of keys.slice(1000, 1020)) await kept.remove(key);
    const then = await openSource({ ...specFor("many"), asOf });
    expect((await listed(then)).map(({ path }) => path)).toEqual(keys);
    expect((await drained(await then.open(keys[990]!))).toString()).toBe("first");
    const now = await openSource(specFor("many"));
    expect(await listed(now)).toHaveLength(1080);
    for (const each of [then, now]) each.close();
    kept.close();
  });
});
