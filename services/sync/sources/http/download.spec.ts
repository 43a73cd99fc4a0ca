import { createHash, randomBytes } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { wayTo, type Way } from "../../../../test/cut.ts";
import { startNginx, type Nginx } from "../../../../test/servers/nginx.ts";
import { startScripted, type Scripted } from "../../../../test/servers/scripted.ts";
import { webSource } from "../../../../test/websource.ts";
import { drained, listed } from "../contract.ts";
import type { Opened } from "../source.ts";

const file = { listing: "file" };
const content = randomBytes(500_000);
const modified = "Sat, 03 Feb 2024 04:05:06 GMT";
const sha256 = (bytes: Buffer, as: "hex" | "base64" = "hex") => createHash("sha256").update(bytes).digest(as);

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});

interface Served {
  bytes: Buffer;
  headers: Record<string, string>;
  /** The server knows ranges. */
  ranges: boolean;
  /** So many of the next bodies break off half-way. */
  broken: number;
}

/** A server of one file, and the source of it. */
async function served(change: Partial<Served> = {}) {
  const served: Served = { bytes: content, headers: { etag: '"one"', "last-modified": modified }, ranges: true, broken: 0, ...change };
  const server = await startScripted((request, response) => serve(served, request, response));
  const source = await webSource(`${server.origin}/file`, file);
  open.push(server, source);
  return { served, server, source };
}

function serve({ bytes, headers, ranges }: Served, request: IncomingMessage, response: ServerResponse): void {
  const range = ranges ? /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? "") : null;
  const condition = request.headers["if-range"];
  const partial = range && (condition === undefined || condition === headers["etag"]);
  const [from, to] = partial ? [Number(range[1]), range[2] ? Number(range[2]) + 1 : bytes.length] : [0, bytes.length];
  if (from >= bytes.length && partial) {
    return void response.writeHead(416, { "content-range": `bytes */${bytes.length}` }).end();
  }
  const part = bytes.subarray(from, to);
  const place = partial && { "content-range": `bytes ${from}-${to - 1}/${bytes.length}` };
  response.writeHead(partial ? 206 : 200, { "content-length": part.length, ...headers, ...place });
  if (request.method === "HEAD") response.end();
  else response.end(part);
}

const changed = (message: string) =>
  expect.objectContaining({ type: "SOURCE_CHANGED", retryable: true, message: expect.stringContaining(message) });

/** Reads the first bytes, so that what follows has to go on. */
async function begun(opened: Opened, bytes: number): Promise<Buffer> {
  const into = Buffer.alloc(bytes);
  expect(await opened.read(into)).toBe(bytes);
  return into;
}

describe("A download over a connection that breaks", () => {
  let nginx: Nginx;
  let way: Way;
  const large = randomBytes(8_000_000);
  beforeAll(async () => {
    nginx = await startNginx();
    writeFileSync(join(nginx.root, "large"), large);
    const [host, port] = nginx.plain.split(":");
    way = await wayTo(host!, Number(port));
  });
  afterAll(async () => {
    await way.close();
    await nginx.close();
  });

  it("goes on where it broke, as often as it gets further", async () => {
    const source = await webSource(`http://${way.host}/plain/large`, file);
    open.push(source);
    const opened = await source.open("large");
    const parts: Buffer[] = [];
    for (let i = 0; i < 7; i++) {
      parts.push(await begun(opened, 1_100_000));
      way.cut();
      way.mend();
    }
    parts.push(await drained(opened, 65_536));
    expect(Buffer.concat(parts).equals(large)).toBe(true);
  });

  it("refuses to go on with a file that was replaced meanwhile", async () => {
    const source = await webSource(`http://${way.host}/plain/large`, file);
    open.push(source);
    const opened = await source.open("large");
    await begun(opened, 1000);
    writeFileSync(join(nginx.root, "large"), randomBytes(large.length + 1));
    way.cut();
    way.mend();
    await expect(drained(opened, 65_536)).rejects.toEqual(changed("changed while it was read"));
    writeFileSync(join(nginx.root, "large"), large);
  });

  it("is given up when nobody is there any more", async () => {
    const source = await webSource(`http://${way.host}/plain/large`, file);
    open.push(source);
    const opened = await source.open("large");
    await begun(opened, 1000);
    way.cut();
    await expect(drained(opened, 65_536)).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
    way.mend();
  });

  it("stops when it is told to", async () => {
    const source = await webSource(`http://${way.host}/plain/large`, file);
    open.push(source);
    const job = new AbortController();
    const opened = await source.open("large", job.signal);
    await begun(opened, 1000);
    job.abort(new Error("enough"));
    await expect(drained(opened, 65_536)).rejects.toThrow("enough");
  });
});

/** Breaks the first bodies of GETs off half-way; the rest as `served`. */
async function breaking(change: Partial<Served>, meanwhile: (served: Served) => void = () => {}) {
  const served: Served = { bytes: content, headers: { etag: '"one"', "last-modified": modified }, ranges: true, broken: 1, ...change };
  const server = await startScripted((request, response) => {
    if (request.method === "HEAD" || !served.broken) return serve(served, request, response);
    served.broken--;
    const { bytes, headers } = served;
    response.writeHead(200, { "content-length": bytes.length, ...headers });
    response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket!.end());
    meanwhile(served);
  });
  const source = await webSource(`${server.origin}/file`, file);
  open.push(server, source);
  return { served, server, source };
}

describe("A body that ends too soon", () => {
  it.each([
    ["a strong ETag", { etag: '"one"' }, '"one"'],
    ["a weak one and a date", { etag: 'W/"one"', "last-modified": modified }, undefined],
    ["a date", { "last-modified": modified }, undefined],
  ])("is gone on with from there by %s", async (_, headers, condition) => {
    const { source, server } = await breaking({ headers });
    expect((await drained(await source.open("file"), 70_000)).equals(content)).toBe(true);
    expect(server.headers).toHaveLength(2);
    expect(server.headers[1]).toMatchObject({ range: "bytes=250000-" });
    expect(server.headers[1]!["if-range"]).toBe(condition);
  });

  it("is gone on with by reading again from the start where the server knows no ranges", async () => {
    const { source } = await breaking({ ranges: false });
    expect((await drained(await source.open("file"), 70_000)).equals(content)).toBe(true);
  });

  it("is not gone on with when there is nothing to know the file by", async () => {
    const { source } = await breaking({ headers: {} });
    await expect(drained(await source.open("file"), 70_000)).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      message: expect.stringContaining("without an ETag or a date"),
    });
  });

  it.each([
    ["with ranges", true],
    ["without ranges", false],
  ])("is found out to be of another file %s", async (_, ranges) => {
    const { source } = await breaking({ ranges }, (served) => {
      served.bytes = randomBytes(500_000);
      served.headers = { etag: '"two"', "last-modified": modified };
    });
    await expect(drained(await source.open("file"), 70_000)).rejects.toEqual(changed("changed while it was read"));
  });

  it("every time is given up", async () => {
    const { source, server } = await breaking({ ranges: false, broken: 100 });
    await expect(drained(await source.open("file"), 70_000)).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      message: expect.stringContaining("broke off at 250000 of 500000 bytes"),
    });
    expect(server.asked).toHaveLength(6);
  });
});

describe("A file", () => {
  it.each([true, false])("is read from any byte on (ranges: %s)", async (ranges) => {
    const { source } = await served({ ranges });
    for (const from of [1, 250_000, 499_999, 500_000]) {
      const opened = await source.open("file", undefined, from);
      expect(opened.size).toBe(500_000);
      expect((await drained(opened, 70_000)).equals(content.subarray(from))).toBe(true);
    }
    await expect((async () => source.open("file", undefined, 500_001))()).rejects.toEqual(changed("500000 bytes"));
  });

  it("is asked for as it is, and refused when it comes encoded all the same", async () => {
    const {
      source,
      served: it,
      server,
    } = await served({ bytes: gzipSync(content), headers: { "content-encoding": "gzip", etag: '"one"' } });
    const refused = { type: "SOURCE_ITEM_UNSUPPORTED", message: expect.stringContaining("gzip") };
    await expect((async () => source.open("file"))()).rejects.toMatchObject(refused);
    await expect(listed(source)).rejects.toMatchObject(refused);
    expect(server.headers.every((headers) => headers["accept-encoding"] === "identity")).toBe(true);
    const archive = await webSource(`${server.origin}/photos.tar.gz`, file);
    open.push(archive);
    expect((await drained(await archive.open("photos.tar.gz"), 70_000)).equals(it.bytes)).toBe(true);
  });

  it.each([
    ["repr-digest", `sha-512=:AAAA:, sha-256=:${sha256(content, "base64")}:`],
    ["digest", `md5=AAAA,SHA-256=${sha256(content, "base64")}`],
    ["x-checksum-sha256", sha256(content)],
    ["oc-checksum", `SHA256:${sha256(content)}`],
  ])("whose digest the server says in %s is compared with it, and known by it", async (name, value) => {
    const { source, served: it } = await served({ headers: { [name]: value } });
    const [entry] = await listed(source);
    expect(entry!.fingerprint).toContain(`sha256:${sha256(content)}`);
    const opened = await source.open("file");
    expect(opened.fingerprint).toBe(entry!.fingerprint);
    expect((await drained(opened, 70_000)).equals(content)).toBe(true);
    it.bytes = Buffer.from(content);
    it.bytes[400_000]! ^= 1;
    await expect(drained(await source.open("file"), 70_000)).rejects.toEqual(
      changed(`has the sha256 ${sha256(it.bytes)}; the server says ${sha256(content)}`),
    );
  });

  it("that was changed a moment before it is read is read again by the next run", async () => {
    const now = new Date().toUTCString();
    const { source } = await served({ headers: { "last-modified": now, date: now } });
    const [entry] = await listed(source);
    const opened = await source.open("file");
    opened.close();
    expect(opened.fingerprint).toBe(`${entry!.fingerprint}~`);
  });

  it("is known by its size alone where the server says nothing else", async () => {
    const { source } = await served({ headers: {} });
    const [entry] = await listed(source);
    expect(entry).toMatchObject({ size: 500_000, modifiedAt: null });
    expect((await drained(await source.open("file"), 70_000)).equals(content)).toBe(true);
  });
});

describe("A file whose length the server does not say", () => {
  const chunked = (bytes: Buffer) => (request: IncomingMessage, response: ServerResponse) => {
    response.writeHead(200);
    if (request.method !== "HEAD") response.write(bytes);
    response.end();
  };
  async function sourceOf(handler: (request: IncomingMessage, response: ServerResponse) => void, path = "export.csv") {
    const server: Scripted = await startScripted(handler);
    const source = await webSource(`${server.origin}/${path}`, file);
    open.push(server, source);
    return source;
  }

  it("is read whole, and known by its content", async () => {
    let bytes = content;
    const source = await sourceOf((request, response) => chunked(bytes)(request, response));
    const [entry] = await listed(source);
    expect(entry).toMatchObject({ path: "export.csv", size: 500_000, fingerprint: expect.stringContaining(sha256(content)) });
    for (const from of [0, 1, 499_999, 500_000]) {
      const opened = await source.open("export.csv", undefined, from);
      expect(opened).toMatchObject({ size: 500_000, fingerprint: entry!.fingerprint });
      expect((await drained(opened, 70_000)).equals(content.subarray(from))).toBe(true);
    }
    bytes = Buffer.from("other");
    expect((await listed(source))[0]!.fingerprint).not.toBe(entry!.fingerprint);
    bytes = Buffer.alloc(0);
    expect((await listed(source))[0]).toMatchObject({ size: 0 });
    expect(await drained(await source.open("export.csv"))).toHaveLength(0);
  });

  it("is refused when it is too long for that, or when its end can't be told", async () => {
    const long = await sourceOf(chunked(Buffer.alloc(9_000_000)));
    const refused = (message: string) =>
      expect.objectContaining({ type: "SOURCE_ITEM_UNSUPPORTED", message: expect.stringContaining(message) });
    await expect(listed(long)).rejects.toEqual(refused("longer than 8 MiB"));
    await expect((async () => long.open("export.csv"))()).rejects.toEqual(refused("longer than 8 MiB"));
    const endless = await sourceOf((request, response) => {
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { connection: "close" });
      response.end(request.method === "HEAD" ? undefined : "x");
    });
    await expect(listed(endless)).rejects.toEqual(refused("could not be told from a broken connection"));
  });

  it("is not taken for whole when it breaks off", async () => {
    const source = await sourceOf((_, response) => void response.writeHead(200).write("part", () => response.socket!.end()));
    await expect((async () => source.open("export.csv"))()).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE" });
  });
});

describe("A URL that is signed for GET", () => {
  it.each([403, 405, 501])("is asked by its first byte when HEAD is answered %i", async (status) => {
    const it: Served = { bytes: content, headers: { etag: '"one"', "last-modified": modified }, ranges: true, broken: 0 };
    const server = await startScripted((request, response) => {
      if (request.method === "HEAD") response.writeHead(status).end();
      else serve(it, request, response);
    });
    const source = await webSource(`${server.origin}/folder/file?signature=secret`, file);
    open.push(server, source);
    const [entry] = await listed(source);
    expect(entry).toMatchObject({ path: "file", size: 500_000, modifiedAt: Date.parse(modified) });
    expect(await source.open("file")).toMatchObject({ fingerprint: entry!.fingerprint });
    expect(server.asked).toContain("GET /folder/file?signature=secret");
    it.bytes = Buffer.alloc(0);
    expect((await listed(source))[0]).toMatchObject({ path: "file", size: 0 });
  });
});
