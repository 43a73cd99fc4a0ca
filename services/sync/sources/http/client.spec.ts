import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { startProxy } from "../../../../test/proxy.ts";
import { startNginx, type Nginx } from "../../../../test/servers/nginx.ts";
import { startScripted, type Scripted } from "../../../../test/servers/scripted.ts";
import { webSource } from "../../../../test/websource.ts";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { drained, listed } from "../contract.ts";

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

const open: { close(): unknown }[] = [];
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one.close();
});
async function scripted(handler?: Handler): Promise<Scripted> {
  const server = await startScripted(handler);
  open.push(server);
  return server;
}
async function source(...args: Parameters<typeof webSource>) {
  const made = await webSource(...args);
  open.push(made);
  return made;
}
const to =
  (location: string, status = 302): Handler =>
  (_, response) =>
    void response.writeHead(status, { location }).end();
const text =
  (body: string): Handler =>
  (_, response) =>
    void response.writeHead(200, { "content-length": Buffer.byteLength(body) }).end(body);
const file = { listing: "file" };

describe("A redirect", () => {
  it("is followed, up to five times", async () => {
    const server = await scripted((request, response) => {
      const step = Number(/-?\d+/.exec(request.url!)![0]);
      if (step < 5) to(`/${step + 1}`, [301, 302, 303, 307, 308][step])(request, response);
      else text("arrived")(request, response);
    });
    expect((await drained(await (await source(`${server.origin}/0`, file)).open("0"))).toString()).toBe("arrived");
    const far = await source(`${server.origin}/-1`, file);
    await expect(far.check()).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED", message: expect.stringContaining("more than 5") });
  });

  it("may lead to a path that ends in '/', but not from a folder to itself", async () => {
    const pages: Record<string, Handler> = {
      "/get": to("/files/1/"),
      "/files/1/": text("content"),
      "/folder": to("/folder/"),
      "/folder/": text("page"),
    };
    const server = await scripted((request, response) => pages[request.url!]!(request, response));
    expect(await listed(await source(`${server.origin}/get`, file))).toMatchObject([{ path: "get", size: 7 }]);
    const folder = await source(`${server.origin}/folder`, file);
    await expect(folder.check()).rejects.toMatchObject({
      type: "SOURCE_ITEM_UNSUPPORTED",
      message: expect.stringContaining("is a folder"),
    });
  });

  it.each([
    "http://169.254.169.254/latest/meta-data/",
    "http://127.0.0.1:1/",
    "http://localhost/",
    "http://[::1]:8080/",
    "http://10.0.0.1/",
    "//192.168.1.1/x",
  ])("into our own network is refused, also from a host that is allowed to be in it: %s", async (location) => {
    const server = await scripted(to(location));
    const made = await source(`${server.origin}/file`, file);
    for (const work of [() => made.check(), () => listed(made), async () => made.open("file")]) {
      await expect(work()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED", retryable: false });
    }
  });

  it("to another allowed private host is refused as well: the operator has allowed it for other sources", async () => {
    const inner = await scripted(text("secret"));
    const server = await scripted(to(`${inner.origin}/`));
    const made = await source(`${server.origin}/file`, file, { privateHosts: [server.host, inner.host] });
    await expect(made.check()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    expect(inner.asked).toEqual([]);
  });

  it("to something that is no web address is refused", async () => {
    for (const location of ["file:///etc/passwd", "gopher://example.com/", "http://"]) {
      const made = await source(`${(await scripted(to(location))).origin}/file`, file);
      await expect(made.check()).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
    }
  });

  it("to another origin takes no credentials along", async () => {
    const other = await scripted((_, response) => void response.writeHead(401).end());
    const server = await scripted(to(`${other.origin}/file`));
    // Through a manifest, whose hosts are the one way to reach a second private one.
    const manifest = await scripted((request, response) =>
      request.url === "/list" ? text(`${server.origin}/file`)(request, response) : to(`${server.origin}/file`)(request, response),
    );
    const access = { listing: "manifest", username: "a", password: "b", headers: { "x-key": "c" }, hosts: [server.host, other.host] };
    const made = await source(`${manifest.origin}/list`, access, { privateHosts: [manifest.host, server.host, other.host] });
    const [entry] = await listed(made);
    expect(entry!.problem).toMatchObject({
      type: "SOURCE_DENIED",
      message: expect.stringMatching(/401.*credentials are not sent on/),
    });
    expect(manifest.headers[0]).toMatchObject({ authorization: expect.stringMatching(/^Basic/), "x-key": "c" });
    for (const headers of [...server.headers, ...other.headers]) expect(Object.keys(headers)).not.toContain("authorization");
    for (const headers of [...server.headers, ...other.headers]) expect(Object.keys(headers)).not.toContain("x-key");
    expect(other.asked.length).toBeGreaterThan(0);
  });
});

describe("A name", () => {
  // One of this machine's own names, which does not say by itself where it leads to.
  const own = /^127\.\S+\s+(?!localhost\b)([\w.-]+)/m.exec(readFileSync("/etc/hosts", "utf8"))?.[1];
  (own ? it : it.skip)("that leads to a private address is not connected to", async () => {
    const server = await scripted(text("secret"));
    const made = await source(`http://${own}:${new URL(server.origin).port}/file`, file, { privateHosts: [] });
    await expect(made.check()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED", retryable: false });
    expect(server.asked).toEqual([]);
  });
});

describe("A busy server", () => {
  it("is asked again after the time that it wants", async () => {
    let busy = 2;
    const server = await scripted((request, response) => {
      if (busy-- > 0) response.writeHead(busy ? 503 : 429, { "retry-after": "1" }).end();
      else text("x")(request, response);
    });
    const begin = Date.now();
    expect(await listed(await source(`${server.origin}/file`, file))).toHaveLength(1);
    expect(Date.now() - begin).toBeGreaterThanOrEqual(2000);
    expect(server.asked).toHaveLength(3);
  });

  it("that wants to be asked much later is left alone, and says so", async () => {
    const server = await scripted((_, response) => void response.writeHead(503, { "retry-after": "3600" }).end());
    const made = await source(`${server.origin}/file`, file);
    await expect(made.open("file")).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      retryable: true,
      message: expect.stringContaining("in 3600 s"),
    });
    expect(server.asked).toHaveLength(1);
  });

  it("that stays busy is given up after four times", async () => {
    const server = await scripted((_, response) => void response.writeHead(502).end());
    const made = await source(`${server.origin}/file`, file);
    await expect(made.open("file")).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", message: expect.stringContaining("502") });
    expect(server.asked).toHaveLength(4);
  });

  it("is not waited for by a job that is told to stop", async () => {
    const server = await scripted((_, response) => void response.writeHead(503, { "retry-after": "20" }).end());
    const made = await source(`${server.origin}/file`, file);
    await expect(listed(made, AbortSignal.timeout(100))).rejects.toMatchObject({ name: "TimeoutError" });
  });
});

describe("A refusal", () => {
  it.each([
    [401, "SOURCE_DENIED"],
    [403, "SOURCE_DENIED"],
    [404, "SOURCE_MISSING"],
    [410, "SOURCE_MISSING"],
    [500, "SOURCE_UNREACHABLE"],
    [400, "SOURCE_ITEM_UNSUPPORTED"],
    [204, "SOURCE_ITEM_UNSUPPORTED"],
  ])("of status %i is %s, and says what was asked for without its query", async (status, type) => {
    const server = await scripted(
      (_, response) => void response.writeHead(status, { "www-authenticate": 'Basic realm="the vault"' }).end(),
    );
    const made = await source(`${server.origin}/file?signature=secret`, file);
    for (const work of [() => made.check(), async () => made.open("file")]) {
      const error = await work().then(
        () => undefined,
        (failed: unknown) => failed as Error,
      );
      expect(error).toMatchObject({ type, message: expect.stringContaining(`${status}`) });
      expect(error!.message).not.toContain("secret");
      if (status === 401) expect(error!.message).toContain('realm="the vault"');
    }
  });
});

describe("Someone who is no web server", () => {
  async function speaking(greeting: string): Promise<string> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket.on("error", () => {}));
      if (greeting) socket.end(greeting);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    open.push({
      close() {
        for (const socket of sockets) socket.destroy();
        return new Promise((resolve) => server.close(resolve));
      },
    });
    return `127.0.0.1:${(server.address() as AddressInfo).port}`;
  }
  const unreachable = (why: string) => expect.objectContaining({ type: "SOURCE_UNREACHABLE", message: expect.stringContaining(why) });

  it("is said to be silent", async () => {
    const made = await source(`http://${await speaking("")}/file`, file);
    await expect(made.check()).rejects.toEqual(unreachable("said nothing for 0.3 s"));
  });

  it("is said to speak something else", async () => {
    const host = await speaking("SSH-2.0-OpenSSH_9.2\r\n");
    await expect((await source(`http://${host}/file`, file)).check()).rejects.toEqual(unreachable("HTTP/1.1"));
    await expect((await source(`https://${host}/file`, file)).check()).rejects.toEqual(unreachable("TLS"));
  });
});

describe("A server behind TLS", () => {
  let nginx: Nginx;
  beforeAll(async () => {
    nginx = await startNginx();
    writeFileSync(join(nginx.root, "file"), "content");
  });
  afterAll(() => nginx.close());

  it("is trusted by the authority that is given, and not otherwise", async () => {
    const url = `https://${nginx.secure}/dav/`;
    const made = await source(url, { ca: nginx.ca });
    expect((await listed(made)).map(({ path }) => path)).toEqual(["file"]);
    expect((await drained(await made.open("file"))).toString()).toBe("content");
    await expect((await source(url)).check()).rejects.toMatchObject({
      type: "SOURCE_DENIED",
      message: expect.stringMatching(/certificate that is not trusted.*\/http\/ca/),
    });
  });

  it("is not trusted by another authority, nor under a name that its certificate does not have", async () => {
    const other = await startNginx();
    open.push(other);
    await expect((await source(`https://${nginx.secure}/dav/`, { ca: other.ca })).check()).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    const proxy = await startProxy(() => nginx.secure);
    open.push(proxy);
    const elsewhere = await source("https://example.com/dav/", { ca: nginx.ca }, { proxy: proxy.url, privateHosts: [] });
    await expect(elsewhere.check()).rejects.toMatchObject({ type: "SOURCE_DENIED", message: expect.stringContaining("example.com") });
  });

  it("does not lead away from it", async () => {
    const made = await source(`https://${nginx.secure}/away/file`, { ...file, ca: nginx.ca });
    await expect(made.check()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED", message: expect.stringContaining("without TLS") });
  });
});

describe("The operator's proxy", () => {
  it("is gone through for plain and for TLS connections", async () => {
    const nginx = await startNginx();
    open.push(nginx);
    writeFileSync(join(nginx.root, "file"), "content");
    const proxy = await startProxy((place) => ({ "files.example.com:80": nginx.plain, "files.example.com:443": nginx.secure })[place]);
    open.push(proxy);
    const options = { proxy: proxy.url, privateHosts: [] };
    for (const made of [
      await source("http://files.example.com/dav/", {}, options),
      await source("https://files.example.com/dav/", { ca: nginx.ca }, options),
    ]) {
      expect((await listed(made)).map(({ path }) => path)).toEqual(["file"]);
      expect((await drained(await made.open("file"))).toString()).toBe("content");
    }
    expect(new Set(proxy.asked)).toEqual(new Set(["files.example.com:80", "files.example.com:443"]));

    const refused = await source("http://elsewhere.example.com/dav/", {}, { proxy: proxy.url, privateHosts: [] });
    await expect(refused.check()).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      message: expect.stringContaining("the proxy answered 403"),
    });
  });

  it("is not asked to lead to a private address", async () => {
    const proxy = await startProxy(() => undefined);
    open.push(proxy);
    const server = await scripted(to("http://192.168.0.1/"));
    const made = await source(`${server.origin}/file`, file, { proxy: proxy.url });
    await expect(made.check()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    expect(proxy.asked).toEqual([]);
  });

  it("is gone through by a redirect that leaves a private host", async () => {
    const inner = await scripted(text("from outside"));
    const proxy = await startProxy((place) => (place === "cdn.example.com:80" ? inner.host : undefined));
    open.push(proxy);
    const server = await scripted(to("http://cdn.example.com/file"));
    const made = await source(`${server.origin}/file`, file, { proxy: proxy.url });
    expect((await drained(await made.open("file"))).toString()).toBe("from outside");
  });
});
