import { createHash } from "node:crypto";
import { readdirSync, readlinkSync } from "node:fs";
import { afterEach, describe, expect, it } from "@jest/globals";
import { startScripted, type Scripted } from "../../../../test/servers/scripted.ts";
import { webSource } from "../../../../test/websource.ts";
import { drained, listed } from "../contract.ts";
import { kindOf } from "../kinds.ts";
import type { Source } from "../source.ts";

const sha256 = (bytes: Buffer | string) => createHash("sha256").update(bytes).digest("hex");
const modified = "Sat, 03 Feb 2024 04:05:06 GMT";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

/** A server of these files, by the path of their URL as it is escaped. */
async function serving(files: Record<string, string | Buffer>): Promise<Scripted> {
  const server = await startScripted((request, response) => {
    const bytes = files[request.url!];
    if (bytes === undefined) return response.writeHead(404).end();
    const etag = `"${sha256(bytes).slice(0, 8)}"`;
    if (request.headers["if-none-match"] === etag) return response.writeHead(304, { etag }).end();
    response.writeHead(200, { "content-length": Buffer.byteLength(bytes), "last-modified": modified, etag });
    response.end(request.method === "HEAD" ? undefined : bytes);
  });
  open.push(server);
  return server;
}
async function manifestAt(server: Scripted, path: string, access: object = {}, privateHosts = [server.host]): Promise<Source> {
  const source = await webSource(server.origin + path, { listing: "manifest", ...access }, { privateHosts });
  open.push(source);
  return source;
}
const paths = async (source: Source) => (await listed(source)).map(({ path, problem }) => (problem ? `${path}: ${problem.type}` : path));
const read = async (source: Source, path: string) => (await drained(await source.open(path))).toString();

describe("A manifest of sha256sum", () => {
  const files = {
    "/set/SHA256SUMS": `${sha256("bb")}  z/b%C3.txt\n${sha256("a")} *a b.txt\n`,
    "/set/a%20b.txt": "a",
    "/set/z/b%25C3.txt": "bb",
  };

  it("names files beside itself, which are known by their content", async () => {
    const source = await manifestAt(await serving(files), "/set/SHA256SUMS");
    await source.check();
    const entries = await listed(source);
    // The name holds what reads like an escape of ours: see names.ts.
    expect(entries.map(({ path, size }) => [path, size])).toEqual([
      ["a b.txt", 1],
      ["z/b%25C3.txt", 2],
    ]);
    for (const { path, fingerprint, modifiedAt, size } of entries) {
      const opened = await source.open(path);
      expect(opened).toMatchObject({ fingerprint, modifiedAt, size });
      const bytes = await drained(opened);
      expect(kindOf({ kind: "http" }).contentTag(fingerprint)).toBe(`sha256:${sha256(bytes)}`);
      expect(kindOf({ kind: "http" }).moveTag(fingerprint, path)).toBe(`sha256:${sha256(bytes)}`);
    }
  });

  it("is compared with what comes, and read again when it differs", async () => {
    const set: Record<string, string> = { ...files };
    const source = await manifestAt(await serving(set), "/set/SHA256SUMS");
    expect(await read(source, "a b.txt")).toBe("a");
    set["/set/a%20b.txt"] = "A";
    await expect(read(source, "a b.txt")).rejects.toMatchObject({
      type: "SOURCE_CHANGED",
      retryable: true,
      message: expect.stringContaining(`has the sha256 ${sha256("A")}; the manifest says ${sha256("a")}`),
    });
    set["/set/SHA256SUMS"] = `${sha256("A")}  a b.txt\n`;
    expect(await read(source, "a b.txt")).toBe("A");
    await expect(read(source, "z/b%25C3.txt")).rejects.toMatchObject({ type: "SOURCE_MISSING" });
  });

  it("goes on after a path", async () => {
    const source = await manifestAt(await serving(files), "/set/SHA256SUMS");
    const rest: string[] = [];
    for await (const page of source.list(undefined, "a b.txt")) rest.push(...page.map(({ path }) => path));
    expect(rest).toEqual(["z/b%25C3.txt"]);
  });
});

describe("A manifest with an object on each line", () => {
  it("names any number of files in any order, and leaves nothing on the disk", async () => {
    const count = 60_000;
    const pathOf = (i: number) => `some folder/${String(i).padStart(6, "0")}${".".repeat(40)}`;
    const lines = Array.from({ length: count }, (_, i) =>
      JSON.stringify({ path: pathOf((i * 7919) % count), url: "/one", size: 1, modifiedAt: 1_700_000_000_000 + i }),
    );
    // Named twice, where neither stands beside the other.
    const twice = pathOf(31_000);
    const server = await serving({ "/list": [...lines, JSON.stringify({ path: twice, size: 2 })].join("\n"), "/one": "1" });
    const source = await manifestAt(server, "/list");
    const entries = await listed(source);
    expect(entries.map(({ path }) => path)).toEqual(Array.from({ length: count }, (_, i) => pathOf(i)));
    expect(entries.filter(({ problem }) => problem).map(({ path }) => path)).toEqual([twice]);
    for (const i of [0, 30_999, count - 1]) {
      const { path, fingerprint } = entries[i]!;
      const opened = await source.open(path);
      expect(opened.fingerprint).toBe(fingerprint);
      expect((await drained(opened)).toString()).toBe("1");
    }
    await expect(read(source, "some folder/none")).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    const kept = () => readdirSync("/proc/self/fd").filter((fd) => isGone(`/proc/self/fd/${fd}`)).length;
    const before = kept();
    expect(before).toBeGreaterThan(0);
    source.close();
    expect(kept()).toBe(before - 1);
  });
});

/** An open file that has no name any more. */
function isGone(path: string): boolean {
  try {
    return readlinkSync(path).endsWith(" (deleted)");
  } catch {
    return false;
  }
}

describe("A manifest of JSON", () => {
  it("that says enough of its files needs no other request to list them", async () => {
    const list = [
      { path: "b", size: 2, modifiedAt: "2024-01-01T00:00:00Z" },
      { path: "a", size: 1, sha256: sha256("a") },
    ];
    const server = await serving({ "/list": JSON.stringify(list), "/a": "a", "/b": "bb" });
    const source = await manifestAt(server, "/list");
    const [a, b] = await listed(source);
    expect(server.asked).toEqual(["GET /list"]);
    expect(a).toMatchObject({ path: "a", size: 1, modifiedAt: null });
    expect(b).toMatchObject({ path: "b", size: 2, modifiedAt: Date.UTC(2024, 0) });
    for (const entry of [a!, b!]) expect((await source.open(entry.path)).fingerprint).toBe(entry.fingerprint);
    // Once for all that is opened within half a minute.
    expect(server.asked.filter((asked) => asked === "GET /list")).toHaveLength(1);
  });

  it("that says little leaves the rest to the files' own answers", async () => {
    const source = await manifestAt(await serving({ "/list": '{"files": [{"path": "a"}, "b"]}', "/a": "a", "/b": "bb" }), "/list");
    for (const { path, size, modifiedAt, fingerprint } of await listed(source)) {
      expect({ size, modifiedAt }).toEqual({ size: path === "a" ? 1 : 2, modifiedAt: Date.parse(modified) });
      expect((await source.open(path)).fingerprint).toBe(fingerprint);
    }
  });

  it("that says another size than the file has is not believed", async () => {
    const source = await manifestAt(await serving({ "/list": '[{"path": "a", "size": 5}]', "/a": "a" }), "/list");
    expect(await listed(source)).toMatchObject([{ size: 5 }]);
    await expect(read(source, "a")).rejects.toMatchObject({ type: "SOURCE_CHANGED", message: expect.stringMatching(/1 bytes.*says 5/) });
  });

  it("reports what it names wrongly, one by one", async () => {
    const list = [
      "gone",
      "../a",
      "/a",
      "a//b",
      "a/",
      "twice",
      "twice",
      { path: "odd", url: "http://" },
      { path: "page", url: "ftp://example.com/x" },
      "ok",
    ];
    const source = await manifestAt(await serving({ "/set/list": JSON.stringify(list), "/set/ok": "x", "/a": "secret" }), "/set/list");
    const wrong = (path: string) => `${path}: SOURCE_ITEM_UNSUPPORTED`;
    expect(await paths(source)).toEqual([
      wrong("../a"),
      wrong("/a"),
      wrong("a/"),
      wrong("a//b"),
      "gone: SOURCE_MISSING",
      wrong("odd"),
      "ok",
      wrong("page"),
      wrong("twice"),
    ]);
    await expect(read(source, "../a")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
  });

  it.each(["<html>", "[1]", "{}"])("that is none is refused as a whole: %s", async (text) => {
    const source = await manifestAt(await serving({ "/list": text }), "/list");
    await expect(source.check()).rejects.toMatchObject({
      type: "SOURCE_ITEM_UNSUPPORTED",
      message: expect.stringContaining("not a manifest"),
    });
  });
});

describe("A manifest of URLs", () => {
  it("may lead to its own host and to those that are named, and nowhere else", async () => {
    const cdn = await serving({ "/img/c": "c", "/img/d": "d" });
    const stranger = await serving({ "/e": "e" });
    const lines = [
      "img/a",
      "/up/b?x=1",
      `${cdn.origin}/img/c`,
      `${stranger.origin}/e`,
      "http://169.254.169.254/f",
      "https://example.com/g",
    ];
    const list = JSON.stringify(lines.map((url) => ({ url })));
    const server = await serving({ "/set/list": list, "/set/img/a": "a", "/up/b?x=1": "b" });
    const all = [server.host, cdn.host, stranger.host];
    const source = await manifestAt(server, "/set/list", { hosts: [cdn.host], bearerToken: "secret" }, all);
    const refused = (path: string) => `${path}: SOURCE_NOT_ALLOWED`;
    expect(await paths(source)).toEqual([refused("e"), refused("f"), refused("g"), "img/a", "img/c", "up/b"]);
    expect(await Promise.all(["img/a", "up/b", "img/c"].map((path) => read(source, path)))).toEqual(["a", "b", "c"]);
    await expect(read(source, "e")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    expect(stranger.asked).toEqual([]);
    expect(cdn.headers.some(({ authorization }) => authorization)).toBe(false);
    expect(server.headers.every(({ authorization }) => authorization === "Bearer secret")).toBe(true);
  });

  it("is asked for by its own query alone", async () => {
    const server = await serving({ "/list?key=1": "a\n", "/a": "a" });
    const source = await manifestAt(server, "/list?key=1");
    expect(await paths(source)).toEqual(["a"]);
    expect(await read(source, "a")).toBe("a");
  });
});

describe("A manifest of many files", () => {
  it("is listed page by page, in order", async () => {
    const names = Array.from({ length: 2500 }, (_, i) => `f${(i * 7919) % 2500}`);
    const list = names.map((path) => ({ path, size: 1, sha256: sha256(path) }));
    const source = await manifestAt(await serving({ "/list": JSON.stringify(list) }), "/list");
    expect(await paths(source)).toEqual([...names].sort());
  });

  it("is loaded once for all that ask for it at the same time", async () => {
    const server = await serving({ "/list": "a\nb\n", "/a": "a", "/b": "b" });
    const source = await manifestAt(server, "/list");
    await Promise.all(Array.from({ length: 16 }, (_, i) => read(source, i % 2 ? "a" : "b")));
    expect(server.asked.filter((asked) => asked === "GET /list")).toHaveLength(1);
  });
});
