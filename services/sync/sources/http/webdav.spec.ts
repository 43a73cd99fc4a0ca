import { createHash } from "node:crypto";
import { afterEach, describe, expect, it } from "@jest/globals";
import { startScripted, type Scripted } from "../../../../test/servers/scripted.ts";
import { webSource } from "../../../../test/websource.ts";
import { drained, listed } from "../contract.ts";
import type { Source } from "../source.ts";
import { multistatus, type Described } from "./multistatus.ts";

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

const modified = "Sat, 03 Feb 2024 04:05:06 GMT";
const sha1 = (text: string) => createHash("sha1").update(text).digest("hex");
const described = (xml: string, piece = xml.length): Described[] | undefined => {
  const all: Described[] = [];
  const reader = multistatus((one) => all.push(one));
  const bytes = Buffer.from(xml);
  for (let at = 0; at < bytes.length; at += piece) reader.write(bytes.subarray(at, at + piece));
  return reader.end() ? all : undefined;
};

// As Apache 2.4 (mod_dav) and Nextcloud 28 (sabre/dav) write it.
const apache = `<?xml version="1.0" encoding="utf-8"?>
<D:multistatus xmlns:D="DAV:" xmlns:ns1="http://owncloud.org/ns" xmlns:ns0="DAV:">
<D:response xmlns:lp1="DAV:" xmlns:lp2="http://apache.org/dav/props/" xmlns:g0="DAV:" xmlns:g1="http://owncloud.org/ns">
<D:href>/dav/</D:href>
<D:propstat><D:prop><lp1:getetag>"1000-660e"</lp1:getetag><lp1:getlastmodified>${modified}</lp1:getlastmodified>
<lp1:resourcetype><D:collection/></lp1:resourcetype></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><g0:getcontentlength/><g1:checksums/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>
</D:response>
<D:response xmlns:lp1="DAV:" xmlns:g0="http://owncloud.org/ns">
<D:href>/dav/q%3f%23&amp;='%22%3cx%3e</D:href>
<D:propstat><D:prop><lp1:getetag>W/"a-660e"</lp1:getetag><lp1:getcontentlength>10</lp1:getcontentlength>
<lp1:getlastmodified>${modified}</lp1:getlastmodified><lp1:resourcetype/></D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>
<D:propstat><D:prop><g0:checksums/></D:prop><D:status>HTTP/1.1 404 Not Found</D:status></D:propstat>
</D:response>
</D:multistatus>`;
const nextcloud = `<?xml version="1.0"?><d:multistatus xmlns:d="DAV:" xmlns:s="http://sabredav.org/ns" xmlns:oc="http://owncloud.org/ns"><d:response><d:href>https://cloud.example.com/dav/%C3%A4.txt</d:href><d:propstat><d:prop><d:resourcetype/><d:getcontentlength>3</d:getcontentlength><d:getlastmodified>${modified}</d:getlastmodified><d:getetag>&quot;65bd&quot;</d:getetag><oc:checksums><oc:checksum>SHA1:${sha1("abc")} MD5:900150983cd24fb0d6963f7d28e17f72 ADLER32:024d0127</oc:checksum></oc:checksums></d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>`;
const time = Date.parse(modified);

describe("A multistatus", () => {
  it.each([10_000, 1000, 7, 1])("is read in pieces of %i bytes", (piece) => {
    expect(described(apache, piece)).toEqual([
      { href: "/dav/", collection: true, size: null, modifiedAt: time, etag: "1000-660e", digest: "", status: 200 },
      { href: "/dav/q%3f%23&='%22%3cx%3e", collection: false, size: 10, modifiedAt: time, etag: "a-660e", digest: "", status: 200 },
    ]);
    const digest = `sha1:${sha1("abc")}`;
    expect(described(nextcloud, piece)).toEqual([
      { href: "https://cloud.example.com/dav/%C3%A4.txt", collection: false, size: 3, modifiedAt: time, etag: "65bd", digest, status: 200 },
    ]);
  });

  it("that is cut short is known to be", () => {
    for (const end of [apache.length - 1, apache.length - 20, apache.length >> 1, 10, 0])
      expect(described(apache.slice(0, end))).toBeUndefined();
  });

  it("may hold URLs inside of properties, and a status for a whole response", () => {
    const xml = `<multistatus xmlns="DAV:"><response><propstat><prop><lockdiscovery><activelock><lockroot><href>/other</href></lockroot></activelock></lockdiscovery></prop><status>HTTP/1.1 200 OK</status></propstat><href>/a</href></response><response><href>/b</href><status>HTTP/1.1 403 Forbidden</status></response></multistatus>`;
    expect(described(xml)!.map(({ href, status }) => [href, status])).toEqual([
      ["/a", 200],
      ["/b", 403],
    ]);
  });
});

interface Served {
  text: string;
  /** Of the listing. */
  listed: { etag?: string; time?: string; checksum?: string };
  /** Of the file's own answer. */
  own: Record<string, string>;
}

const response = (href: string, props: string, status = "200 OK") =>
  `<D:response><D:href>${href}</D:href><D:propstat><D:prop>${props}</D:prop><D:status>HTTP/1.1 ${status}</D:status></D:propstat></D:response>`;
const folder = "<D:resourcetype><D:collection/></D:resourcetype>";
const whole = (...responses: string[]) => `<?xml version="1.0"?><D:multistatus xmlns:D="DAV:">${responses.join("")}</D:multistatus>`;
const tag = (name: string, value: string | undefined) => (value === undefined ? "" : `<D:${name}>${value}</D:${name}>`);

const fileIn = (href: string, { text, listed: { etag, time, checksum } }: Served) =>
  response(
    href,
    `${tag("getcontentlength", `${text.length}`)}${tag("getetag", etag)}${tag("getlastmodified", time)}${tag("checksum", checksum)}<D:resourcetype/>`,
  );

/** A WebDAV server of these files, all in one folder. */
async function serving(files: Record<string, Served>): Promise<{ server: Scripted; source: Source }> {
  const server = await startScripted((request, answer) => {
    const path = request.url!;
    const file = files[path.replace("/dav/", "")];
    if (request.method === "PROPFIND") {
      const all = Object.entries(files).map(([name, one]) => fileIn(`/dav/${name}`, one));
      const xml = file ? whole(fileIn(path, file)) : whole(response("/dav/", folder), ...(request.headers.depth === "1" ? all : []));
      return void answer.writeHead(207, { "content-type": "application/xml" }).end(xml);
    }
    if (!file) return void answer.writeHead(404).end();
    answer.writeHead(200, { "content-length": file.text.length, ...file.own }).end(request.method === "HEAD" ? undefined : file.text);
  });
  const source = await webSource(`${server.origin}/dav/`);
  open.push(server, source);
  return { server, source };
}

describe("A file of WebDAV", () => {
  const own = { etag: '"one"', "last-modified": modified };
  it.each<[string, Served, number]>([
    ["everything", { text: "abc", listed: { etag: '"one"', time: modified }, own }, 1],
    ["a weak ETag", { text: "abc", listed: { etag: 'W/"one"', time: modified }, own }, 1],
    ["no ETag", { text: "abc", listed: { time: modified }, own }, 1],
    ["no date", { text: "abc", listed: { etag: '"one"' }, own }, 1],
    ["a checksum", { text: "abc", listed: { checksum: `SHA1:${sha1("abc")}` }, own: { ...own, "oc-checksum": `SHA1:${sha1("abc")}` } }, 1],
    ["a checksum that its own answer lacks", { text: "abc", listed: { checksum: `SHA1:${sha1("abc")}`, time: modified }, own }, 3],
    ["another ETag than its own answer", { text: "abc", listed: { etag: '"two"', time: modified }, own }, 3],
    ["nothing but its size", { text: "abc", listed: {}, own }, 1],
  ])("of which the listing says %s is opened with the fingerprint it is listed with", async (_, file, asked) => {
    const { server, source } = await serving({ file });
    const [entry] = await listed(source);
    for (let i = 0; i < 3; i++) {
      const opened = await source.open("file");
      expect(opened.fingerprint).toBe(entry!.fingerprint);
      expect((await drained(opened)).toString()).toBe("abc");
    }
    // The first shows whether later ones can be told by their own answers.
    expect(server.asked.filter((one) => one === "PROPFIND /dav/file")).toHaveLength(asked);
  });

  it("is compared with its checksum", async () => {
    const checksum = `SHA1:${sha1("abc")}`;
    const { source } = await serving({
      file: { text: "abd", listed: { checksum, time: modified }, own: { ...own, "oc-checksum": checksum } },
    });
    await expect(drained(await source.open("file"))).rejects.toMatchObject({
      type: "SOURCE_CHANGED",
      message: expect.stringContaining(sha1("abd")),
    });
  });
});

/** A server that answers every PROPFIND with this. */
async function saying(xml: string, path = "/dav/", status = 207): Promise<Source> {
  const server = await startScripted((request, answer) => {
    if (request.method === "PROPFIND") answer.writeHead(status, { "content-type": "application/xml" }).end(xml);
    else answer.writeHead(200, { "content-length": 3, etag: '"x"' }).end(request.method === "HEAD" ? undefined : "abc");
  });
  const source = await webSource(server.origin + path, { listing: "webdav" });
  open.push(server, source);
  return source;
}

describe("A WebDAV listing", () => {
  it("may write its paths in other escapes than we do, and as whole URLs of an inner host", async () => {
    const file = "<D:resourcetype/><D:getcontentlength>3</D:getcontentlength>";
    const xml = whole(
      response("http://inner:8080/d%61v", folder),
      response("/d%61v/a~b", file),
      response("http://inner:8080/dav/%c3%a4", file),
      response("/elsewhere", file),
    );
    expect((await listed(await saying(xml))).map(({ path }) => path)).toEqual(["a~b", "ä"]);
  });

  it("leaves what it does not say to the file's own answer", async () => {
    const xml = whole(response("/dav/", folder), response("/dav/a", "<D:resourcetype/>"));
    expect(await listed(await saying(xml))).toMatchObject([{ path: "a", size: 3, fingerprint: "3...x" }]);
  });

  it("reports what it refuses, and what is hidden by it", async () => {
    const refused = (href: string, props = "") =>
      `<D:response><D:href>${href}</D:href>${props}<D:status>HTTP/1.1 403 Forbidden</D:status></D:response>`;
    const collection = `<D:propstat><D:prop>${folder}</D:prop><D:status>HTTP/1.1 200 OK</D:status></D:propstat>`;
    const xml = whole(
      response("/dav/", folder),
      refused("/dav/a"),
      refused("/dav/b/", collection),
      response("/dav/c%2Fd", "<D:resourcetype/>"),
    );
    expect((await listed(await saying(xml))).map(({ path, problem }) => [path, problem?.type, problem?.hides])).toEqual([
      ["a", "SOURCE_DENIED", undefined],
      ["b/", "SOURCE_DENIED", "b/"],
      ["c%2Fd", "SOURCE_ITEM_UNSUPPORTED", undefined],
    ]);
  });

  it.each([
    ["a file", whole(response("/dav/", "<D:resourcetype/>")), 207, "a folder was expected"],
    ["something cut short", whole(response("/dav/", folder)).slice(0, -5), 207, "not a complete WebDAV multistatus"],
    [
      "another folder, behind a proxy that rewrites paths",
      whole(response("/", folder), response("/a", "")),
      207,
      "does not name the folder itself",
    ],
    ["a page", "<html>", 200, "answered 200"],
    ["a server without WebDAV", "", 405, "answered 405"],
  ])("of %s is refused", async (_, xml, status, why) => {
    await expect(listed(await saying(xml, "/dav/", status))).rejects.toMatchObject({
      type: "SOURCE_ITEM_UNSUPPORTED",
      message: expect.stringContaining(why),
    });
  });
});
