import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { parseInput } from "./input.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "legendo-input-")));
const root = join(folder, "root");
const roots = [root];
beforeAll(() => {
  mkdirSync(join(root, "a b"), { recursive: true });
  mkdirSync(join(folder, "root2"));
  symlinkSync(join(folder, "root2"), join(root, "out"));
  symlinkSync(join(root, "a b"), join(root, "in"));
  writeFileSync(join(root, "file"), "");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const uri = (path: string) => pathToFileURL(path).href;

describe("A source's URI", () => {
  it("becomes the real folder it means", async () => {
    const expected = { kind: "file", root: join(root, "a b"), uri: uri(join(root, "a b")), host: "" };
    for (const path of ["a b", "a b/", "./a b/../a b", "in"]) {
      expect(await parseInput(`file://${root}/${path.replaceAll(" ", "%20")}`, {}, { roots })).toEqual(expected);
    }
    expect(await parseInput(uri(root), {}, { roots })).toMatchObject({ root });
    expect(await parseInput(uri(root), {}, { roots: ["/"] })).toMatchObject({ root });
  });

  it("is refused when its scheme is unknown, naming the known ones", async () => {
    await expect(parseInput("gopher://host/x", {}, { roots })).rejects.toMatchObject({
      type: "SOURCE_SCHEME_UNKNOWN",
      message: expect.stringMatching(/gopher.*file:\/\/.*s3:\/\//),
    });
  });

  it.each([
    "",
    "/etc",
    "C:\\x",
    "file://otherhost/etc",
    "file:///%00",
    "file:///a%2Fb",
    "file:///a?b",
    "s3://",
    "s3://b",
    "s3://u:p@bucket/x",
    "s3://bucket/%E0",
  ])("is refused as malformed: %j", async (input) => {
    await expect(parseInput(input, {}, { roots: ["/"] })).rejects.toMatchObject({ type: "VALIDATION_FAILED", code: 422 });
  });

  it.each(["/etc", "/nowhere/at/all", "/"])("is refused outside the allowed folders: %s", async (path) => {
    await expect(parseInput(uri(path), {}, { roots })).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED", code: 403 });
    await expect(parseInput(uri(path), {}, { roots: [] })).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
  });

  it("is refused when a link or a neighbour's name leads outside", async () => {
    for (const path of [join(root, "out"), join(folder, "root2"), join(root, "..", "root2"), `${root}/%2e%2e/root2`]) {
      await expect(parseInput(`file://${path}`, {}, { roots })).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    }
  });

  it("names a folder that does not exist and a file where a folder was expected", async () => {
    await expect(parseInput(uri(join(root, "none")), {}, { roots })).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    await expect(parseInput(uri(join(root, "file")), {}, { roots })).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
  });

  it("becomes bucket and prefix", async () => {
    const credentials = { accessKeyId: "id", secretAccessKey: "secret" };
    expect(await parseInput("s3://my-bucket/photos%20of/2024", { s3: { region: "eu-west-1", ...credentials } }, { roots })).toEqual({
      kind: "s3",
      uri: "s3://my-bucket/photos%20of/2024/",
      bucket: "my-bucket",
      prefix: "photos of/2024/",
      region: "eu-west-1",
      host: "s3.eu-west-1.amazonaws.com:443",
      credentials,
    });
    expect(await parseInput("s3://my-bucket", {}, { roots })).toMatchObject({ prefix: "", uri: "s3://my-bucket/" });
  });

  it("may not lead to a private S3 server unless the operator allows it", async () => {
    for (const endpoint of [
      "http://127.0.0.1:9000",
      "http://169.254.169.254",
      "http://[::1]:9000",
      "http://10.1.2.3",
      "http://0x7f000001",
      "http://[::ffff:10.0.0.1]",
    ]) {
      await expect(parseInput("s3://bucket/x", { s3: { endpoint } }, { roots })).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    }
    const endpoint = "http://127.0.0.1:9000";
    const allowed = await parseInput("s3://bucket/x", { s3: { endpoint } }, { roots, privateHosts: ["127.0.0.1:9000"] });
    expect(allowed).toMatchObject({ endpoint, trusted: true });
    expect(await parseInput("s3://bucket/x", { s3: { endpoint: "https://s3.example.com" } }, { roots })).not.toHaveProperty("trusted");
    await expect(parseInput("s3://bucket/x", { s3: { endpoint: "ftp://x" } }, { roots })).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
    });
  });
});
