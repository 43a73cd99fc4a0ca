import { symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, it } from "@jest/globals";
import { startNginx } from "../../../../test/servers/nginx.ts";
import { startScripted, type Scripted } from "../../../../test/servers/scripted.ts";
import { webSource } from "../../../../test/websource.ts";
import { drained, listed } from "../contract.ts";
import type { Source } from "../source.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const modified = "Sat, 03 Feb 2024 04:05:06 GMT";
type Answer = string | number | { redirect: string };

/** A server of pages (those that begin with '<' are HTML), statuses and redirects, by the path of their URL as it is escaped. */
async function serving(pages: Record<string, Answer>): Promise<Scripted> {
  const server = await startScripted((request, response) => {
    const answer = pages[request.url!] ?? 404;
    if (typeof answer === "number") return response.writeHead(answer).end();
    if (typeof answer !== "string") return response.writeHead(301, { location: answer.redirect }).end();
    const type = answer.startsWith("<")
      ? "text/html; charset=utf-8"
      : answer.startsWith("[")
        ? "application/json"
        : "application/octet-stream";
    const facts = { "content-length": Buffer.byteLength(answer), "last-modified": modified, etag: `"${answer.length}"` };
    response.writeHead(request.method === "PROPFIND" ? 405 : 200, { "content-type": type, ...facts });
    response.end(request.method === "HEAD" ? undefined : answer);
  });
  open.push(server);
  return server;
}
async function sourceAt(server: Scripted, path = "/", access: object = {}): Promise<Source> {
  const source = await webSource(server.origin + path, access);
  open.push(source);
  return source;
}
const shown = async (source: Source) =>
  (await listed(source)).map(({ path, problem }) =>
    problem ? [path, problem.type, ...(problem.hides ? [problem.hides] : [])].join(" ") : path,
  );
const index = (...links: string[]) =>
  `<html><title>Index of /</title><a href="../">up</a>${links.map((link) => `<a href="${link}">x</a> 12:34 5K`).join("\n")}</html>`;

// As Apache 2.4 prints it, with IndexOptions FancyIndexing HTMLTable.
const apache = `<!DOCTYPE HTML PUBLIC "-//W3C//DTD HTML 4.01//EN" "http://www.w3.org/TR/html4/strict.dtd">
<html>
 <head>
  <title>Index of /pub</title>
 </head>
 <body>
<h1>Index of /pub</h1>
  <table>
   <tr><th valign="top">&nbsp;</th><th><a href="?C=N;O=D">Name</a></th><th><a href="?C=M;O=A">Last modified</a></th><th><a href="?C=S;O=A">Size</a></th></tr>
   <tr><th colspan="5"><hr></th></tr>
<tr><td valign="top">&nbsp;</td><td><a href="/">Parent Directory</a>       </td><td>&nbsp;</td><td align="right">  - </td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="100%25.txt">100%.txt</a>               </td><td align="right">2026-11-22 21:09  </td><td align="right">  8 </td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="a%ff">a\ufffd</a>                     </td><td align="right">2026-11-22 21:09  </td><td align="right">  1 </td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="deep/">deep/</a>                  </td><td align="right">2026-11-22 21:09  </td><td align="right">  - </td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="q%3f%23&amp;='%22%3cx%3e">q?#&amp;='&quot;&lt;x&gt;</a>             </td><td align="right">2026-11-22 21:09  </td><td align="right"> 10 </td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="./semi;colon:">semi;colon:</a>            </td><td align="right">2026-11-22 21:09  </td><td align="right"> 11 </td></tr>
<tr><td valign="top">&nbsp;</td><td><a href="%c3%a4">\u00e4</a>                     </td><td align="right">2026-11-22 21:09  </td><td align="right">  2 </td></tr>
   <tr><th colspan="5"><hr></th></tr>
</table>
<address>Apache/2.4.71 (Debian) Server at <a href="https://example.com/">x</a> Port 80</address>
</body></html>`;

describe("An index page", () => {
  it("of Apache lists its files, with the size and the date of their own answers", async () => {
    const server = await serving({
      "/pub": { redirect: "/pub/" },
      "/pub/": apache,
      "/pub/100%25.txt": "12345678",
      "/pub/a%FF": "1",
      "/pub/deep/": index("x"),
      "/pub/deep/x": "123",
      "/pub/q%3F%23%26%3D%27%22%3Cx%3E": "1234567890",
      "/pub/semi%3Bcolon%3A": "12345678901",
      "/pub/%C3%A4": "ä",
    });
    const entries = await listed(await sourceAt(server, "/pub"));
    expect(entries.map(({ path, size }) => [path, size])).toEqual([
      ["100%.txt", 8],
      ["a%FF", 1],
      ["deep/x", 3],
      ["q?#&='\"<x>", 10],
      ["semi;colon:", 11],
      ["ä", 2],
    ]);
    expect(new Set(entries.map(({ modifiedAt }) => modifiedAt))).toEqual(new Set([Date.parse(modified)]));
  });

  it("is taken for what is directly below it", async () => {
    const links = [
      "a",
      "./a",
      "/f/b",
      "//other/f/c",
      "https://example.com/f/d",
      "g/h",
      "../f/e",
      "../x",
      "?sort=size",
      "i?page=2",
      "#top",
      "mailto:x@y.z",
      "",
      "j%2Fk",
      "http://[",
    ];
    const server = await serving({ "/f/": index(...links), "/f/a": "a", "/f/b": "b", "/f/e": "e" });
    expect(await shown(await sourceAt(server, "/f/"))).toEqual(["a", "b", "e", "j%2Fk SOURCE_ITEM_UNSUPPORTED"]);
  });

  it("may say what its links are relative to", async () => {
    const page = index("a").replace("<title>", `<base href="/g/"><title>`);
    expect(await shown(await sourceAt(await serving({ "/f/": page, "/f/a": "a" }), "/f/", { listing: "index" }))).toEqual([]);
  });

  it("is told from a page that happens to be there", async () => {
    const page = '<html><title>Welcome</title><a href="a">a</a><a href="https://example.com/">b</a></html>';
    const server = await serving({ "/f/": page, "/f/a": "a", "/list/": '<a href="../">up</a><a href="a">a</a>', "/list/a": "a" });
    await expect((await sourceAt(server, "/f/")).check()).rejects.toMatchObject({
      type: "SOURCE_ITEM_UNSUPPORTED",
      message: expect.stringContaining("neither WebDAV nor an index"),
    });
    expect(await shown(await sourceAt(server, "/f/", { listing: "index" }))).toEqual(["a"]);
    // Nothing but links below itself.
    expect(await shown(await sourceAt(server, "/list/"))).toEqual(["a"]);
  });

  it("that a folder below shows instead of an index hides what is in there", async () => {
    const server = await serving({ "/": index("a/", "b"), "/a/": '<a href="x">x</a><a href="https://example.com/">y</a>', "/b": "b" });
    expect(await shown(await sourceAt(server))).toEqual(["a/ SOURCE_ITEM_UNSUPPORTED a/", "b"]);
  });

  it("leaves out what is gone since, and reports what is refused", async () => {
    const links = ["gone", "gone-too/", "denied", "closed/", "folder", "ok"];
    const server = await serving({
      "/": index(...links),
      "/denied": 403,
      "/closed/": 403,
      "/folder": { redirect: "/folder/" },
      "/folder/": index(),
      "/ok": "x",
    });
    expect(await shown(await sourceAt(server))).toEqual([
      "closed/ SOURCE_DENIED closed/",
      "denied SOURCE_DENIED",
      "folder SOURCE_ITEM_UNSUPPORTED folder/",
      "ok",
    ]);
  });

  it("that can't be had for now ends the listing: nothing is known of what it holds", async () => {
    const server = await serving({ "/": index("a", "busy/"), "/a": "a", "/busy/": 503 });
    await expect(shown(await sourceAt(server))).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
  });

  it("is not asked for when a listing goes on after it", async () => {
    const pages = Object.fromEntries(
      ["a", "b", "c"].flatMap((name) => [
        [`/${name}/`, index("x", "y")],
        [`/${name}/x`, "x"],
        [`/${name}/y`, "y"],
      ]),
    );
    const server = await serving({ "/": index("a/", "b/", "c/"), ...pages });
    const source = await sourceAt(server);
    const rest: string[] = [];
    for await (const page of source.list(undefined, "b/x")) rest.push(...page.map(({ path }) => path));
    expect(rest).toEqual(["b/y", "c/x", "c/y"]);
    expect(server.asked.filter((asked) => asked.includes("/a/"))).toEqual([]);
    expect(server.asked).not.toContain("HEAD /b/x");
  });

  it("is asked for with the query that was given, as are the files", async () => {
    const server = await serving({ "/f/?key=1": index("a"), "/f/a?key=1": "content" });
    const source = await sourceAt(server, "/f/?key=1");
    expect(await shown(source)).toEqual(["a"]);
    expect((await drained(await source.open("a"))).toString()).toBe("content");
  });

  it("of JSON is known by its shape", async () => {
    const entry = { name: "ä b", type: "file", mtime: modified, size: 3 };
    const other = { name: "pipe", type: "other", mtime: modified };
    const server = await serving({ "/": JSON.stringify([entry, other]), "/data/": '[{"id": 1}]', "/%C3%A4%20b": "123" });
    expect(await shown(await sourceAt(server))).toEqual(["pipe SOURCE_ITEM_UNSUPPORTED", "ä b"]);
    expect(server.asked.some((asked) => asked.startsWith("HEAD"))).toBe(false);
    await expect((await sourceAt(server, "/data/")).check()).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
  });

  it("of another kind than the root's is known by the same facts", async () => {
    const entry = (name: string) =>
      JSON.stringify(
        [{ name, type: name.endsWith("/") ? "directory" : "file", mtime: modified, size: 3 }].map((one) => ({
          ...one,
          name: name.replace("/", ""),
        })),
      );
    const files = { "/html/f/x": "123", "/json/f/x": "123" };
    const server = await serving({
      "/html/": index("f/"),
      "/html/f/": entry("x"),
      "/json/": entry("f/"),
      "/json/f/": index("x"),
      ...files,
    });
    for (const path of ["/html/", "/json/"]) {
      const source = await sourceAt(server, path);
      const [listing] = await listed(source);
      expect((await source.open("f/x")).fingerprint).toBe(listing!.fingerprint);
    }
  });
});

describe("A folder of nginx", () => {
  it.each(["html", "json", "dav"])("that leads back to one that contains it is not walked for ever (%s)", async (way) => {
    const nginx = await startNginx();
    open.push(nginx);
    writeFileSync(join(nginx.root, "file"), "x");
    symlinkSync(".", join(nginx.root, "round"));
    const source = await webSource(`http://${nginx.plain}/${way}/`);
    open.push(source);
    expect(await shown(source)).toEqual(["file", "round/ SOURCE_ITEM_UNSUPPORTED round/"]);
  });

  it("has names with bytes of any kind", async () => {
    const nginx = await startNginx();
    open.push(nginx);
    const odd = [
      Buffer.from([0x61, 0xff]),
      Buffer.from("new\nline"),
      Buffer.from("back\\slash"),
      Buffer.from(" lead"),
      Buffer.from("ctl\x01"),
    ];
    for (const name of odd) writeFileSync(Buffer.concat([Buffer.from(`${nginx.root}/`), name]), name);
    for (const way of ["html", "json", "dav"]) {
      const source = await webSource(`http://${nginx.plain}/${way}/`);
      open.push(source);
      expect(await shown(source)).toEqual([" lead", "a%FF", "back\\slash", "ctl\x01", "new\nline"]);
      expect(await drained(await source.open("a%FF"))).toEqual(odd[0]);
    }
  });

  it("is asked for with the password", async () => {
    const nginx = await startNginx();
    open.push(nginx);
    writeFileSync(join(nginx.root, "file"), "x");
    const url = `http://${nginx.plain}/locked/`;
    const { username, password } = nginx;
    const allowed = await webSource(url, { username, password });
    const denied = [
      await webSource(url),
      await webSource(url, { username, password: "wrong" }),
      await webSource(url, { listing: "webdav" }),
    ];
    open.push(allowed, ...denied);
    expect(await shown(allowed)).toEqual(["file"]);
    for (const source of denied) {
      await expect(source.check()).rejects.toMatchObject({
        type: "SOURCE_DENIED",
        message: expect.stringMatching(/401 and asks for Basic realm="the archive"/),
      });
    }
  });
});
