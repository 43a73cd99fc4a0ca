import { afterAll, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { openBucket, type Bucket } from "../../../../mixins/vault/bucket.ts";
import { keyOf } from "./listed.ts";
import { askPage } from "./pages.ts";

const head = `<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">`;
const request = { Bucket: "bucket", EncodingType: "url" } as const;

describe("A page of a bucket", () => {
  let answers: ((response: ServerResponse) => void)[] = [];
  const server = createServer((_, response) => (answers.length > 1 ? answers.shift()! : answers[0]!)(response));
  let bucket: Bucket;
  let asked = 0;
  server.on("request", () => asked++);
  beforeAll(async () => {
    await once(server.listen(0, "127.0.0.1"), "listening");
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    bucket = await openBucket({ region: "us-east-1", endpoint, credentials: "anonymous" });
  });
  beforeEach(() => {
    asked = 0;
  });
  afterAll(() => {
    bucket.client.destroy();
    server.close();
  });

  it.each([
    ["is empty", `${head}<Name>bucket</Name><IsTruncated>false</IsTruncated></ListBucketResult>`],
    ["is empty and closes itself", `<ListBucketResult/>`],
    [
      "has entities, sections, comments, and names that mean something elsewhere",
      `${head}<Key>not one</Key><Name>bucket</Name>
      <Contents><Key>a%2Bb+c</Key><LastModified>2024-02-03T04:05:06.789Z</LastModified><ETag>&quot;0&#x61;&quot;</ETag><Size>12</Size>
        <ChecksumAlgorithm>CRC32</ChecksumAlgorithm><Owner><ID>someone</ID><DisplayName>Size</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>
      <!-- <Contents><Key>no</Key></Contents> -->
      <Contents><ETag><![CDATA["<x>"]]></ETag><Key>%E2%82%AC&amp;%00</Key><Size>0</Size><LastModified>2024-02-03T04:05:06.000Z</LastModified></Contents>
      <CommonPrefixes><Prefix>p/</Prefix></CommonPrefixes><Contents><Key>bare</Key></Contents>
      <NextContinuationToken>to&lt;ken</NextContinuationToken><IsTruncated>true</IsTruncated></ListBucketResult>`,
    ],
  ])("that %s is read as the SDK reads it, however it comes in pieces", async (_, text) => {
    const whole = Buffer.from(text);
    answers = [(response) => void response.end(whole)];
    const { Contents = [], NextContinuationToken } = await bucket.client.send(new bucket.sdk.ListObjectsV2Command(request));
    const objects = Contents.map(({ Key, Size = 0, LastModified, ETag }) => ({
      key: keyOf(Key),
      size: Size,
      modified: LastModified,
      etag: ETag,
    }));
    expect(await askPage(bucket, request, undefined)).toEqual({ objects, next: NextContinuationToken });
    answers = [
      (response) => {
        const bytes = whole.values();
        const more = () => {
          const step = bytes.next();
          if (step.done) response.end();
          else response.write(Buffer.of(step.value), more);
        };
        more();
      },
    ];
    expect(await askPage(bucket, request, undefined)).toEqual({ objects, next: NextContinuationToken });
  });

  const good = `${head}<Contents><Key>a</Key><Size>1</Size></Contents></ListBucketResult>`;
  it.each<[string, (response: ServerResponse) => void]>([
    ["breaks off", (response) => void response.write(good.slice(0, -30), () => response.destroy())],
    ["ends before its time", (response) => void response.end(good.slice(0, -5))],
    ["is something else", (response) => void response.end("<html><body>Log in first</body></html>")],
  ])("that %s is asked for again", async (_, bad) => {
    answers = [bad, (response) => void response.end(good)];
    expect((await askPage(bucket, request, undefined)).objects).toMatchObject([{ key: "a", size: 1 }]);
    expect(asked).toBe(2);
  });

  it("that never is a listing is none, not an empty one", async () => {
    answers = [(response) => void response.end("<html><body>Log in first</body></html>")];
    await expect(askPage(bucket, request, undefined)).rejects.toThrow("its answer is no whole listing");
    answers = [(response) => void response.end(good.replace("<Size>1<", "<Size>-1<"))];
    await expect(askPage(bucket, request, undefined)).rejects.toThrow('"-1" is listed as a size');
  });
});
