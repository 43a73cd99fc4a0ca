import { randomBytes } from "node:crypto";
import { appendFileSync, chmodSync, chownSync, mkdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { between, type Between, type Meddling } from "../../../test/ftp/between.ts";
import { put, specOf } from "../../../test/ftp/place.ts";
import { startProxy } from "../../../test/proxy.ts";
import type { Ftpd } from "../../../test/servers/ftpd.ts";
import { startPureFtpd } from "../../../test/servers/pureftpd.ts";
import { startVsftpd, type VsftpdOptions } from "../../../test/servers/vsftpd.ts";
import { drained, listed, sourceContract } from "./contract.ts";
import { place } from "./disk.ts";
import type { FtpSpec } from "./ftp/spec.ts";
import { kindOf, openSource } from "./kinds.ts";
import { partName } from "./part.ts";
import type { Entry, Source } from "./source.ts";

const overTls: Partial<FtpSpec> = { tls: "explicit" };

function contract(name: string, start: () => Promise<Ftpd>, changed: Partial<FtpSpec> = {}): void {
  sourceContract(name, async () => {
    const server = await start();
    return {
      source: await openSource(specOf(server, changed)),
      put: (path, bytes) => Promise.resolve(put(server, path, bytes)),
      remove: (path) => Promise.resolve(rmSync(place(server.home, path))),
      close: () => server.close(),
    };
  });
}
contract("vsftpd", () => startVsftpd());
contract("vsftpd over TLS", () => startVsftpd({ tls: "required" }), overTls);
contract("Pure-FTPd", () => startPureFtpd());
contract("Pure-FTPd over TLS", () => startPureFtpd({ tls: "required" }), overTls);

/** Closed after each test, the last first. */
const open: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
async function opened(server: Ftpd, changed: Partial<FtpSpec> = {}): Promise<Source> {
  const source = await openSource(specOf(server, changed));
  open.push(() => source.close());
  return source;
}
async function vsftpd(options: VsftpdOptions): Promise<Ftpd> {
  const server = await startVsftpd(options);
  open.push(() => server.close());
  return server;
}
async function meddler(server: Ftpd, meddling: Meddling): Promise<Between> {
  const way = await between(server.host, meddling);
  open.push(() => way.close());
  return way;
}
const pathsOf = (entries: Entry[]) => entries.map(({ path }) => path);
const problemsOf = (entries: Entry[]) =>
  entries.filter(({ problem }) => problem).map(({ path, problem }) => [path, problem!.type, problem!.hides]);

describe("FTP over TLS", () => {
  let server: Ftpd;
  beforeAll(async () => {
    server = await startVsftpd({ tls: "required" });
    put(server, "file", "content");
  });
  afterAll(() => server.close());

  it("is TLS 1.3 for commands and for data, which goes on with the session of the commands", async () => {
    const source = await opened(server, overTls);
    await listed(source);
    expect((await drained(await source.open("file"))).toString()).toBe("content");
    const used = server.log().match(/SSL version: .*/g)!;
    expect(used.length).toBeGreaterThan(2);
    expect(used.filter((line) => !line.includes("TLSv1.3"))).toEqual([]);
    expect(used.filter((line) => line.includes("not reused")).length).toBeLessThanOrEqual(4);
    expect(used.filter((line) => line.includes(", reused")).length).toBeGreaterThanOrEqual(2);
  });

  it("is taken from the first byte on when it is implicit", async () => {
    const implicit = await vsftpd({ tls: "implicit" });
    put(implicit, "file", "content");
    const source = await opened(implicit, { tls: "implicit" });
    expect(pathsOf(await listed(source))).toEqual(["file"]);
    expect((await drained(await source.open("file"))).toString()).toBe("content");
  });

  it("trusts the certificate that is pinned, whoever has signed it, on all its connections", async () => {
    const { ca: _, ...spec } = specOf(server, overTls);
    const source = await openSource({ ...spec, fingerprint: server.fingerprint });
    open.push(() => source.close());
    expect(pathsOf(await listed(source))).toEqual(["file"]);
    expect((await drained(await source.open("file"))).toString()).toBe("content");
  });

  it("tells why a certificate is not trusted and which it is, before anybody logs in", async () => {
    const { ca: _, ...spec } = specOf(server, overTls);
    const wrong = "00:".repeat(31) + "00";
    const cases: [Partial<FtpSpec>, RegExp][] = [
      [{}, /an unknown authority has signed it/],
      [{ fingerprint: wrong }, /was expected to show the certificate .* 00:00:/],
      [{ fingerprint: wrong, ca: server.ca }, /was expected to show/],
      [{ host: server.host.replace("127.0.0.1", "localhost"), ca: server.ca }, /it is for IP Address:127\.0\.0\.1/],
    ];
    const before = server.log();
    for (const [changed, why] of cases) {
      const source = await openSource({ ...spec, ...changed });
      open.push(() => source.close());
      const refused = { type: "SOURCE_DENIED", retryable: false, data: { fingerprint: server.fingerprint } };
      await expect(source.check()).rejects.toMatchObject(refused);
      await expect(source.check()).rejects.toThrow(why);
      await expect(source.check()).rejects.toThrow(server.fingerprint);
    }
    expect(server.log().slice(before.length)).not.toContain("USER");
  });

  it("is never left out because the server has none", async () => {
    const clear = await vsftpd({ tls: "off" });
    const source = await opened(clear, overTls);
    await expect(source.check()).rejects.toMatchObject({
      type: "SOURCE_DENIED",
      retryable: false,
      message: expect.stringMatching(/refuses TLS: 530/),
    });
    expect(clear.log()).not.toMatch(/command: .*(USER|PASS)/);
  });

  it("is never left out for data", async () => {
    const source = await opened(server, overTls);
    await source.check();
    expect(server.log()).toMatch(/PROT P/);
  });

  it.each(["230 Logged in.\r\n", "230 Log"])("takes nothing that was said in the clear before it began: %j", async (said) => {
    const way = await meddler(server, { after: (reply) => (reply.startsWith("234") ? said : undefined) });
    const source = await opened(server, { ...overTls, host: way.host });
    await expect(source.check()).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE" });
  });

  it("is asked for by servers that take no password in the clear", async () => {
    const source = await opened(server);
    await expect(source.check()).rejects.toMatchObject({ type: "SOURCE_DENIED", message: expect.stringMatching(/Use ftps:/) });
    expect(server.log()).not.toMatch(new RegExp(server.password));
  });
});

describe("Logging in to an FTP server", () => {
  let server: Ftpd;
  beforeAll(async () => {
    server = await startVsftpd();
    put(server, "file", "content");
  });
  afterAll(() => server.close());

  it("says that the password is wrong, without it", async () => {
    const source = await opened(server, { password: "not the password" });
    const refusal = source.check();
    await expect(refusal).rejects.toMatchObject({
      type: "SOURCE_DENIED",
      retryable: false,
      message: expect.stringMatching(/does not let camille in: 530/),
    });
    await expect(refusal).rejects.not.toThrow(/not the password/);
  });

  it("is anonymous without an account", async () => {
    const anonymous = await vsftpd({ config: ["anonymous_enable=YES", "ftp_username=camille"] });
    put(anonymous, "file", "content");
    // It must not be able to write there.
    chownSync(anonymous.home, 0, 0);
    const { username: _, password: __, ...spec } = specOf(anonymous);
    const source = await openSource(spec);
    open.push(() => source.close());
    expect(pathsOf(await listed(source))).toEqual(["file"]);
    expect(anonymous.log()).toContain("OK LOGIN");
  });

  it("makes do with fewer connections where the server allows no more", async () => {
    const modest = await vsftpd({ config: ["max_per_ip=2"] });
    for (let i = 0; i < 20; i++) put(modest, `folder${i}/file`, `${i}`);
    const source = await opened(modest);
    const paths = pathsOf(await listed(source));
    expect(paths).toHaveLength(20);
    const contents = await Promise.all(paths.map(async (path) => (await drained(await source.open(path))).toString()));
    expect(contents.map((content) => `folder${content}/file`)).toEqual(paths);
  });

  it("is tried again while the server has no room, and fails as what may pass", async () => {
    const small = await vsftpd({ config: ["max_clients=1"] });
    const [first, second] = [await opened(small), await opened(small)];
    await first.check();
    const waiting = second.check();
    setTimeout(() => first.close(), 500);
    await waiting;
    const third = await opened(small);
    await expect(third.check()).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      retryable: true,
      message: expect.stringMatching(/421 There are too many/),
    });
  }, 20_000);

  it("goes on after the server has closed connections that were not used", async () => {
    const impatient = await vsftpd({ config: ["idle_session_timeout=1"] });
    put(impatient, "file", "content");
    const source = await opened(impatient);
    await source.check();
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(pathsOf(await listed(source))).toEqual(["file"]);
  });

  const stranger = async (greeting: string): Promise<string> => {
    const other: Server = createServer((socket) => void socket.on("error", () => {}).write(greeting));
    await new Promise<void>((resolve) => other.listen(0, "127.0.0.1", resolve));
    open.push(() => void other.close());
    return `127.0.0.1:${(other.address() as AddressInfo).port}`;
  };

  it.each([
    // Who says something is given time to say it, on a busy machine too.
    ["SSH-2.0-OpenSSH_9.2\r\n", 20_000, /does not speak FTP/],
    ["", 300, /has said nothing for 300 ms.*implicit/],
    ["120 Ready in 5 minutes.\r\n", 300, /has said nothing for 300 ms/],
    ["220-\r\n".repeat(100_000), 20_000, /does not speak FTP/],
    ["x".repeat(600_000), 20_000, /does not speak FTP/],
  ])("fails within bounds when the server is none (%#)", async (greeting, silence, why) => {
    const source = await opened(server, { host: await stranger(greeting), silence });
    await expect(source.check()).rejects.toMatchObject({
      type: "SOURCE_UNREACHABLE",
      retryable: true,
      message: expect.stringMatching(why),
    });
  });

  it("fails when nobody listens, and stops when it is told to", async () => {
    const nobody = await opened(server, { host: "127.0.0.1:1" });
    await expect(nobody.check()).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE" });
    const source = await opened(server, { host: await stranger("") });
    await expect(source.check(AbortSignal.timeout(50))).rejects.toThrow(/timeout/);
  });

  it("connects to no address that a server names for its data, and needs no EPSV", async () => {
    const elsewhere = await vsftpd({ config: ["cmds_denied=EPSV", "pasv_address=192.0.2.1"] });
    put(elsewhere, "file", "content");
    const source = await opened(elsewhere);
    expect(pathsOf(await listed(source))).toEqual(["file"]);
    expect(elsewhere.log()).toMatch(/227 Entering Passive Mode \(192,0,2,1/);
  });

  it("goes through a proxy for its data too, by the server's name", async () => {
    const proxy = await startProxy((at) => (at === "ftp.example.com:21" ? server.host : at.replace("ftp.example.com", "127.0.0.1")));
    open.push(() => proxy.close());
    const { trusted: _, ...spec } = specOf(server, { host: "ftp.example.com:21", proxy: proxy.url });
    const source = await openSource(spec);
    open.push(() => source.close());
    expect(pathsOf(await listed(source))).toEqual(["file"]);
    expect((await drained(await source.open("file"))).toString()).toBe("content");
    expect(proxy.asked.length).toBeGreaterThan(2);
    expect(proxy.asked.filter((at) => !at.startsWith("ftp.example.com:"))).toEqual([]);
  });

  it("asks one thing at a time where the server does not read on", async () => {
    const way = await meddler(server, { oneAtATime: true });
    const source = await opened(server, { host: way.host });
    expect(pathsOf(await listed(source))).toEqual(["file"]);
    expect((await drained(await source.open("file"))).toString()).toBe("content");
  }, 10_000);

  it("takes no reply for the answer to something else", async () => {
    let once = true;
    const way = await meddler(server, {
      after: (reply) => (/^213 \d+\r/.test(reply) && once ? ((once = false), "213 999\r\n") : undefined),
    });
    const source = await opened(server, { host: way.host });
    expect((await listed(source)).map(({ size }) => size)).toEqual([7]);
    expect((await source.open("file")).size).toBe(7);
  });
});

describe.each([
  ["vsftpd", () => startVsftpd()],
  ["Pure-FTPd", () => startPureFtpd()],
])("A folder on %s", (name, start) => {
  let server: Ftpd;
  let source: Source;
  beforeAll(async () => {
    server = await start();
  });
  beforeEach(async () => {
    rmSync(server.home, { recursive: true });
    mkdirSync(server.home);
    server.give(server.home);
    source = await opened(server);
  });
  afterAll(() => server.close());
  const at = (path: string) => `${server.home}/${path}`;

  it("lists and opens names that others stumble over", async () => {
    const names = [
      " leading",
      "-a",
      "-al/-l",
      ".hidden/.file",
      "a -> b",
      "trailing ",
      "7 Feb 02  2020 x",
      "%FF%FE",
      "total 4",
      "x;y=z; w",
      "\u{1F600}",
    ];
    for (const path of names) put(server, path, path);
    const entries = await listed(source);
    expect(pathsOf(entries)).toEqual(names.sort());
    expect(problemsOf(entries)).toEqual([]);
    for (const path of names) expect((await drained(await source.open(path))).toString()).toBe(path);
  });

  it("is one below another, absolute or from the account's own", async () => {
    put(server, "some/ä/file", "x");
    put(server, "some/placed", "x");
    for (const root of ["some/ä", "/some/ä"]) {
      const below = await opened(server, { root });
      expect(pathsOf(await listed(below))).toEqual(["file"]);
      expect((await drained(await below.open("file"))).toString()).toBe("x");
    }
    const missing = await opened(server, { root: "no/such" });
    await expect(missing.check()).rejects.toMatchObject({ type: "SOURCE_MISSING", retryable: false });
    await expect(listed(missing)).rejects.toMatchObject({ type: "SOURCE_MISSING" });
  });

  it("hides what it may hide when it can't be read", async () => {
    for (const path of ["a/file", "closed/file", "walked/file", "z"]) put(server, path, "x");
    server.give(server.home);
    chmodSync(at("closed"), 0);
    chmodSync(at("walked"), 0o311);
    const entries = await listed(source);
    expect(pathsOf(entries)).toEqual(["a/file", "closed/", "walked/", "z"]);
    expect(entries[2]!.problem).toMatchObject({ type: "SOURCE_DENIED", hides: "walked/" });
    expect(entries[1]!.problem).toMatchObject({ hides: "closed/" });
    const closed = await opened(server, { root: "walked" });
    await expect(closed.check()).rejects.toMatchObject({ type: expect.stringMatching(/SOURCE_(DENIED|MISSING)/) });
    await expect(listed(closed)).rejects.toMatchObject({ type: expect.stringMatching(/SOURCE_(DENIED|MISSING)/) });
  });

  it("follows links to files and folders, never in a circle", async () => {
    put(server, "files/file", "content");
    symlinkSync("file", at("files/link"));
    symlinkSync("../files/file", at("files/up"));
    symlinkSync("files", at("linked"));
    symlinkSync("../..", at("files/round"));
    symlinkSync("nothing", at("broken"));
    const entries = await listed(source);
    expect(pathsOf(entries.filter(({ problem }) => !problem))).toEqual([
      ...["files/file", "files/link", "files/up"],
      ...["linked/file", "linked/link", "linked/up"],
    ]);
    expect(problemsOf(entries)).toEqual([
      ["broken", "SOURCE_MISSING", undefined],
      ["files/round/", "SOURCE_ITEM_UNSUPPORTED", undefined],
      ["linked/round/", "SOURCE_ITEM_UNSUPPORTED", undefined],
    ]);
    const file = entries.find(({ path }) => path === "files/link")!;
    const opening = await source.open("files/link");
    expect(opening.fingerprint).toBe(file.fingerprint);
    expect((await drained(opening)).toString()).toBe("content");
    const below = await opened(server, { root: "files" });
    expect(problemsOf(await listed(below))).toEqual([["round/", "SOURCE_NOT_ALLOWED", undefined]]);
  });

  it("does not show uploads that are under way", async () => {
    put(server, `folder/${partName()}`, "x");
    put(server, "folder/file", "x");
    expect(pathsOf(await listed(source))).toEqual(["folder/file"]);
  });

  it("has files that can't be read", async () => {
    put(server, "secret", "x");
    chmodSync(at("secret"), 0);
    server.give(server.home);
    expect(pathsOf(await listed(source))).toEqual(["secret"]);
    await expect(source.open("secret")).rejects.toMatchObject({ type: "SOURCE_DENIED", retryable: false });
    mkdirSync(at("folder"));
    await expect(source.open("folder")).rejects.toMatchObject({ retryable: false });
  });

  it("marks a file that was written a moment ago, so that it is read again", async () => {
    put(server, "file", "x");
    utimesSync(at("file"), new Date(), new Date());
    const opening = await source.open("file");
    opening.close();
    expect(opening.fingerprint).toBe(`${(await listed(source))[0]!.fingerprint}~`);
    const kind = kindOf({ kind: "ftp" });
    expect(kind.moveTag(opening.fingerprint, "file")).toBeNull();
  });

  it("knows a file that was moved by size, time and name, an empty one by nothing", async () => {
    put(server, "file", "content");
    put(server, "empty", "");
    const [empty, file] = await listed(source);
    const kind = kindOf({ kind: "ftp" });
    expect(kind.moveTag(file!.fingerprint, "a/file")).toBe(kind.moveTag(file!.fingerprint, "b/file"));
    expect(kind.moveTag(file!.fingerprint, "a/file")).toBe(`7.${Math.floor(file!.modifiedAt! / 1000).toString(36)}.file`);
    expect(kind.moveTag(empty!.fingerprint, "empty")).toBeNull();
    expect(kind.contentTag(file!.fingerprint)).toBeNull();
  });

  describe("with a large file", () => {
    const bytes = randomBytes(40_000_000);
    beforeEach(() => put(server, "large", bytes));

    async function readSome(opening: Awaited<ReturnType<Source["open"]>>, until: number): Promise<Buffer> {
      const start = Buffer.alloc(until);
      for (let at = 0; at < until;) at += await opening.read(start.subarray(at));
      return start;
    }
    const pids = () => server.serving();

    it("goes on where it stood when the connection is cut", async () => {
      const opening = await source.open("large");
      const start = await readSome(opening, 1_000_000);
      server.cut();
      const end = await drained(opening, 100_000);
      expect(Buffer.concat([start, end]).equals(bytes)).toBe(true);
    });

    it("goes on where it stood when nothing comes any more", async () => {
      const opening = await (await opened(server, { silence: 1000 })).open("large", undefined, 5_000_000);
      const start = await readSome(opening, 1_000_000);
      for (const pid of pids()) process.kill(pid, "SIGSTOP");
      const end = await drained(opening, 100_000);
      expect(Buffer.concat([start, end]).equals(bytes.subarray(5_000_000))).toBe(true);
      server.cut();
    });

    it("does not go on with another file", async () => {
      const opening = await source.open("large");
      await readSome(opening, 1_000_000);
      put(server, "large", randomBytes(40_000_000));
      server.cut();
      await expect(drained(opening)).rejects.toMatchObject({ type: "SOURCE_CHANGED", retryable: true });
    });

    it("gives up when the server does not come back", async () => {
      const other = name === "vsftpd" ? await startVsftpd() : await startPureFtpd();
      put(other, "large", bytes);
      const opening = await (await opened(other, { silence: 1000 })).open("large");
      await readSome(opening, 1_000_000);
      await other.close();
      await expect(drained(opening, 1_000_000)).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
    }, 20_000);

    it("tells that it has changed when it grows while it is read", async () => {
      const opening = await source.open("large");
      await readSome(opening, 1_000_000);
      appendFileSync(at("large"), "more");
      await expect(drained(opening, 1_000_000)).rejects.toMatchObject({ type: "SOURCE_CHANGED" });
    });

    it("tells that it has changed when only its time is another", async () => {
      const opening = await source.open("large");
      await readSome(opening, bytes.length);
      utimesSync(at("large"), new Date(), new Date());
      await expect((async () => opening.verify())()).rejects.toMatchObject({ type: "SOURCE_CHANGED" });
      opening.close();
    });

    it("is verified by those too who read its bytes and not its end", async () => {
      const opening = await source.open("large", undefined, bytes.length - 100);
      expect((await readSome(opening, 100)).equals(bytes.subarray(-100))).toBe(true);
      await opening.verify();
      opening.close();
    });

    it("stops when it is told to", async () => {
      const abort = new AbortController();
      const opening = await source.open("large", abort.signal);
      await readSome(opening, 1_000_000);
      abort.abort(new Error("enough"));
      await expect(drained(opening)).rejects.toThrow("enough");
      expect(pathsOf(await listed(source))).toEqual(["large"]);
    });

    it("keeps its connection when it is closed early", async () => {
      const one = await opened(server, { connections: 1 });
      const opening = await one.open("large");
      await readSome(opening, 1_000_000);
      const [serving] = pids();
      opening.close();
      expect(pathsOf(await listed(one))).toEqual(["large"]);
      expect(pids()).toContain(serving);
    });
  });
});

describe("A folder on a server that lists as ls does", () => {
  it("is not taken for empty when the server does not tell times", async () => {
    const server = await vsftpd({ config: ["cmds_denied=MDTM"] });
    put(server, "file", "x");
    expect(problemsOf(await listed(await opened(server)))).toEqual([["file", "SOURCE_DENIED", undefined]]);
  });

  it("says that a server knows no times at all", async () => {
    const server = await vsftpd({});
    put(server, "file", "x");
    const way = await meddler(server, { answer: (command) => (command.startsWith("MDTM") ? "502 Command not implemented." : undefined) });
    const source = await opened(server, { host: way.host });
    await expect(listed(source)).rejects.toMatchObject({
      type: "SOURCE_ITEM_UNSUPPORTED",
      message: expect.stringMatching(/whether it has changed/),
    });
  });

  it("is not known whole when a name has a line break", async () => {
    const server = await vsftpd({});
    put(server, "before", "x");
    writeFileSync(`${server.home}/two\nlines`, "x");
    const entries = await listed(await opened(server));
    expect(pathsOf(entries)).toEqual(["before", "lines", "two"]);
    expect(entries[1]!.problem).toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED", hides: "" });
    await expect((await opened(server)).open("two\nlines")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
  });

  it("is listed without the option for hidden files where that is taken for a name", async () => {
    const server = await vsftpd({});
    put(server, "folder/file", "x");
    const way = await meddler(server, { answer: (command) => (command === "LIST -a" ? "550 No such file." : undefined) });
    expect(pathsOf(await listed(await opened(server, { host: way.host })))).toEqual(["folder/file"]);
  });
});

describe("An FTP place", () => {
  const kind = kindOf({ kind: "ftp" });
  const options = { roots: [] };
  const parse = (uri: string, access: object = {}) => kind.parse(new URL(uri), access as never, options);
  const account = { username: "camille", password: "secret" };

  it.each([
    ["ftp://example.com", {}, { uri: "ftp://example.com/", host: "example.com:21", tls: "none", root: "", connections: 4 }],
    [
      "ftp://example.com:2121/a%20b/",
      account,
      { uri: "ftp://camille@example.com:2121/a%20b", host: "example.com:2121", root: "a b", ...account },
    ],
    ["ftps://Example.com/a//b", {}, { uri: "ftps://example.com/a/b", host: "example.com:21", tls: "explicit", root: "a/b" }],
    ["ftps://example.com:990/a", {}, { uri: "ftps://example.com/a", host: "example.com:990", tls: "implicit" }],
    ["ftps://example.com/a", { implicit: true }, { uri: "ftps://example.com/a", host: "example.com:990", tls: "implicit" }],
    ["ftps://example.com:990/a", { implicit: false }, { uri: "ftps://example.com:990/a", host: "example.com:990", tls: "explicit" }],
    ["ftp://example.com//a/b", { connections: 2 }, { uri: "ftp://example.com/%2Fa/b", root: "/a/b", connections: 2 }],
    ["ftp://example.com/%2Fa/b", {}, { uri: "ftp://example.com/%2Fa/b", root: "/a/b" }],
    ["ftps://[2001:db9::1]/a", { fingerprint: "ab".repeat(32) }, { host: "[2001:db9::1]:21", fingerprint: "AB:".repeat(31) + "AB" }],
  ])("is parsed: %s %j", async (uri, access, expected) => {
    expect(await parse(uri, access)).toMatchObject({ kind: "ftp", ...expected });
  });

  it("names everything that is wrong with it", async () => {
    const access = { username: "a\r\nDELE x", password: "b\n", ca: "none", fingerprint: "12", implicit: true };
    await expect((async () => parse("ftp://example.com/%0A", access))()).rejects.toMatchObject({
      type: "VALIDATION_FAILED",
      data: {
        faults: [
          "/ftp/username",
          "/ftp/password",
          "/ftp/ca",
          "/ftp/fingerprint",
          "/ftp/implicit",
          "/ftp/ca",
          "/ftp/fingerprint",
          "/input",
        ].map((pointer) => expect.objectContaining({ pointer })),
      },
    });
    for (const [uri, given] of [
      ["ftp://example.com/a%2F..%2Fb", {}],
      ["ftp://example.com/%FF", {}],
      ["ftps:///folder", {}],
      ["ftp://example.com", { password: "x" }],
    ] as const) {
      await expect((async () => parse(uri, given))()).rejects.toMatchObject({ type: "VALIDATION_FAILED" });
    }
  });

  it("is on no private address that the operator has not allowed", async () => {
    for (const uri of ["ftp://127.0.0.1/a", "ftps://10.0.0.1/a", "ftps://0x7f.1/a", "ftp://localhost/a", "ftp://[::1]/a"]) {
      await expect((async () => parse(uri))()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    }
    const allowed = { roots: [], privateHosts: ["127.0.0.1:21"] };
    expect(await kind.parse(new URL("ftp://127.0.0.1/a"), {}, allowed)).toMatchObject({ trusted: true });
  });
});
