import { describe, expect, it } from "@jest/globals";
import { parseInput } from "../input.ts";
import type { ParseOptions } from "../source.ts";

const parse = (url: string, http: object = {}, options: Partial<ParseOptions> = {}) => parseInput(url, { http }, { roots: [], ...options });
const pem = "-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n";

describe("A web address", () => {
  it("becomes a place of its host and port", async () => {
    expect(await parse("https://Example.com/photos%20of/2024?")).toEqual({
      kind: "http",
      uri: "https://example.com/photos%20of/2024",
      host: "example.com:443",
      url: "https://example.com/photos%20of/2024?",
      listing: "auto",
      headers: {},
      hosts: [],
    });
    expect(await parse("http://example.com:8080/a", { listing: "webdav" })).toMatchObject({
      uri: "http://example.com:8080/a/",
      url: "http://example.com:8080/a/",
      host: "example.com:8080",
    });
  });

  it("shows no query, which may be a signature, but is another place with another one", async () => {
    const one = await parse("https://example.com/file?signature=secret");
    const other = await parse("https://example.com/file?signature=public");
    expect(one).toMatchObject({ url: "https://example.com/file?signature=secret" });
    expect(one.uri).toMatch(/^https:\/\/example\.com\/file\?query=[0-9a-f]{12}$/);
    expect(other.uri).not.toBe(one.uri);
    expect((await parse("https://example.com/file?signature=secret")).uri).toBe(one.uri);
  });

  it("is another place as a manifest than as a file", async () => {
    const uri = async (listing: string) => (await parse("https://example.com/SHA256SUMS", { listing })).uri;
    expect(await uri("manifest")).not.toBe(await uri("file"));
  });

  it("keeps credentials as header fields", async () => {
    expect(await parse("https://example.com/", { username: "camille", password: "sésame:x" })).toMatchObject({
      headers: { authorization: `Basic ${Buffer.from("camille:sésame:x").toString("base64")}` },
    });
    expect(await parse("https://example.com/", { bearerToken: "abc", headers: { "X-Team": " photo " } })).toMatchObject({
      headers: { authorization: "Bearer abc", "x-team": "photo" },
    });
    expect(await parse("https://example.com/", { headers: { Authorization: "Token abc" } })).toMatchObject({
      headers: { authorization: "Token abc" },
    });
  });

  it.each([
    ["credentials of two ways", { username: "a", password: "b", bearerToken: "c" }, ["/http"]],
    ["a header field beside a token", { bearerToken: "c", headers: { authorization: "x" } }, ["/http"]],
    ["half of the credentials", { username: "a" }, ["/http/password"]],
    ["the other half", { password: "a" }, ["/http/username"]],
    ["a name with a colon", { username: "a:b", password: "" }, ["/http/username"]],
    ["a token with a line break", { bearerToken: "a\r\nHost: b" }, ["/http/bearerToken"]],
    [
      "a field that the connection needs",
      { headers: { Host: "b", "content-length": "1", Range: "x", "If-Match": "y", "x-ok": "1" } },
      ["/http/headers/Host", "/http/headers/content-length", "/http/headers/Range", "/http/headers/If-Match"],
    ],
    ["no field name", { headers: { "a b": "c", "a/~b": "d" } }, ["/http/headers/a b", "/http/headers/a~1~0b"]],
    ["a field with a line break", { headers: { "x-a": "1\r\nx-b: 2" } }, ["/http/headers/x-a"]],
    ["a field twice", { headers: { "x-a": "1", "X-A": "2" } }, ["/http/headers/X-A"]],
    ["an authority that is none", { ca: pem }, ["/http/ca"]],
    ["hosts without a manifest", { hosts: ["cdn.example.com"] }, ["/http/hosts"]],
    ["hosts that are none", { listing: "manifest", hosts: ["a/b", "http://c", ""] }, ["/http/hosts/0", "/http/hosts/1", "/http/hosts/2"]],
  ])("is refused with %s, naming every fault", async (_, http, pointers) => {
    const faults = pointers.map((pointer) => expect.objectContaining({ pointer }));
    await expect(parse("https://example.com/file", http)).rejects.toMatchObject({ type: "VALIDATION_FAILED", data: { faults } });
  });

  it.each([
    ["https://example.com/folder/", { listing: "file" }],
    ["https://example.com/folder/", { listing: "manifest" }],
    ["https://example.com/100%", {}],
    ["https://user:password@example.com/", {}],
    ["https://example.com/#part", {}],
    ["http://example.com/", { ca: pem }],
  ])("is refused as malformed: %s %j", async (url, http) => {
    await expect(parse(url, http)).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
  });

  it.each([
    "http://127.0.0.1/",
    "https://localhost:8443/x",
    "http://169.254.169.254/latest/meta-data/",
    "http://[::1]/",
    "http://0x7f000001/",
    "http://10.1.2.3/",
  ])("of our own network is refused unless the operator allows it: %s", async (url) => {
    await expect(parse(url)).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    const { hostname, port, protocol } = new URL(url);
    const privateHosts = [`${hostname}:${port || (protocol === "http:" ? 80 : 443)}`];
    expect(await parse(url, {}, { privateHosts })).toMatchObject({ trusted: true });
  });

  it("may not let a manifest lead into our own network either", async () => {
    const hosts = ["cdn.example.com", "cdn.example.com:8443"];
    expect(await parse("https://example.com/list.json", { listing: "manifest", hosts })).toMatchObject({
      hosts: [{ host: "cdn.example.com:443" }, { host: "cdn.example.com:8443" }],
    });
    const inner = { listing: "manifest", hosts: ["10.0.0.1:80"] };
    await expect(parse("https://example.com/list.json", inner)).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    expect(await parse("https://example.com/list.json", inner, { privateHosts: ["10.0.0.1:80"] })).toMatchObject({
      hosts: [{ host: "10.0.0.1:80", trusted: true }],
    });
  });

  it("can't be written to", async () => {
    await expect(parseInput("https://example.com/", {}, { roots: [] }, "write")).rejects.toMatchObject({ type: "SOURCE_SCHEME_UNKNOWN" });
  });
});
