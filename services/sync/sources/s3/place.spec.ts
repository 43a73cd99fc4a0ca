import { describe, expect, it } from "@jest/globals";
import { parseInput } from "../input.ts";

const parse = (s3: object, options: { privateHosts?: string[]; proxy?: string } = {}, purpose?: "write") =>
  parseInput("s3://my-bucket/photos", { s3 }, { roots: [], ...options }, purpose);
const refused = (pointer: string, detail: RegExp) =>
  expect.objectContaining({ type: "VALIDATION_FAILED", data: { faults: [{ pointer, detail: expect.stringMatching(detail) }] } });

describe("What is said of a bucket", () => {
  it("has its name in the path or before the host's", async () => {
    expect(await parse({})).not.toHaveProperty("pathStyle");
    expect(await parse({ addressing: "auto" })).not.toHaveProperty("pathStyle");
    expect(await parse({ addressing: "path" })).toMatchObject({ pathStyle: true, host: "s3.us-east-1.amazonaws.com:443" });
    const endpoint = "https://s3.example.com:9000";
    expect(await parse({ endpoint, addressing: "virtual" })).toMatchObject({
      pathStyle: false,
      endpoint,
      host: "my-bucket.s3.example.com:9000",
    });
    await expect(parse({ endpoint: "https://203.0.113.9", addressing: "virtual" })).rejects.toEqual(refused("/s3/addressing", /address/));
    await expect(parseInput("s3://my.bucket", { s3: { endpoint, addressing: "virtual" } }, { roots: [] })).rejects.toEqual(
      refused("/s3/addressing", /my\.bucket/),
    );
  });

  it("may lead to a private host below a trusted one only when that is trusted itself", async () => {
    const s3 = { endpoint: "http://minio.localhost:9000", addressing: "virtual" };
    await expect(parse(s3, { privateHosts: ["minio.localhost:9000"] })).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    expect(await parse(s3, { privateHosts: ["my-bucket.minio.localhost:9000"] })).toMatchObject({ trusted: true });
  });

  it("is a place of its own at a moment, which can't be written to", async () => {
    const spec = await parse({ asOf: "2026-01-31T13:00:00+01:00" });
    expect(spec).toMatchObject({ asOf: Date.UTC(2026, 0, 31, 12), uri: "s3://my-bucket/photos/?asOf=2026-01-31T12:00:00.000Z" });
    for (const asOf of ["yesterday", "2026-01-31", "2026-01-31T12:00:00", "2026-13-31T12:00:00Z"]) {
      await expect(parse({ asOf })).rejects.toEqual(refused("/s3/asOf", /with its zone/));
    }
    await expect(parse({ asOf: "2026-01-31T12:00:00Z" }, {}, "write")).rejects.toEqual(refused("/s3/asOf", /written to/));
  });

  it("names every fault at once", async () => {
    const wrong = { endpoint: "http://user@x/y", accessKeyId: "id", asOf: "soon", ca: "none" };
    const named = (error: unknown) => (error as { data: { faults: { pointer: string }[] } }).data.faults.map(({ pointer }) => pointer);
    const faults = await parseInput("s3://b/%E0", { s3: wrong }, { roots: [] }).catch(named);
    expect(faults).toEqual(["/input", "/input", "/s3/secretAccessKey", "/s3/endpoint", "/s3/ca", "/s3/asOf"]);
    await expect(parse({ endpoint: "https://s3.example.com", ca: "none" })).rejects.toEqual(refused("/s3/ca", /PEM/));
  });

  it("goes through the proxy of public places, and is paid for where that is agreed to", async () => {
    const proxy = "http://proxy.example.com:3128";
    expect(await parse({ requesterPays: true }, { proxy })).toMatchObject({ proxy, requesterPays: true });
    const endpoint = "http://10.0.0.1:9000";
    expect(await parse({ endpoint }, { proxy, privateHosts: ["10.0.0.1:9000"] })).not.toHaveProperty("proxy");
  });
});
