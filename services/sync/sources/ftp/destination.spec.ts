import { randomBytes } from "node:crypto";
import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import { between } from "../../../../test/ftp/between.ts";
import { namesIn, put, specOf } from "../../../../test/ftp/place.ts";
import type { Ftpd } from "../../../../test/servers/ftpd.ts";
import { startPureFtpd } from "../../../../test/servers/pureftpd.ts";
import { startVsftpd } from "../../../../test/servers/vsftpd.ts";
import { listed } from "../contract.ts";
import { destinationContract, type Writable } from "../destination.contract.ts";
import { place } from "../disk.ts";
import { openDestination, openSource } from "../kinds.ts";
import { partName } from "../part.ts";
import type { Destination, Writing } from "../source.ts";
import type { FtpSpec } from "./spec.ts";

const writable =
  (start: () => Promise<Ftpd>, changed: Partial<FtpSpec> = {}) =>
  async (): Promise<Writable> => {
    const server = await start();
    return {
      destination: await openDestination(specOf(server, changed)),
      source: await openSource(specOf(server, changed)),
      read: (path) => readFile(place(server.home, path)),
      names: () => Promise.resolve(namesIn(Buffer.from(server.home))),
      close: () => server.close(),
    };
  };
const overTls: Partial<FtpSpec> = { tls: "explicit" };
/** An upload has to end by TLS's own word, not because the connection ends. */
const strict = ["strict_ssl_read_eof=YES"];
const keepsTime = 1000;
destinationContract(
  "vsftpd",
  writable(() => startVsftpd()),
  { keepsTime },
);
destinationContract(
  "vsftpd over TLS",
  writable(() => startVsftpd({ tls: "required", config: strict }), overTls),
  { keepsTime },
);
destinationContract(
  "Pure-FTPd",
  writable(() => startPureFtpd()),
  { keepsTime },
);
destinationContract(
  "Pure-FTPd over TLS",
  writable(() => startPureFtpd({ tls: "required" }), overTls),
  { keepsTime },
);

/** Closed after each test, the last first. */
const open: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});
async function opened(server: Ftpd, changed: Partial<FtpSpec> = {}): Promise<Destination> {
  const destination = await openDestination(specOf(server, changed));
  open.push(() => destination.close());
  return destination;
}
/** @param pause called once, when the first of the bytes have been taken */
const writing = (path: string, bytes: Buffer | string, pause?: () => void): Writing => {
  const whole = Buffer.from(bytes);
  async function* pieces(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < whole.length; at += 65_536) {
      if (at === 16 * 65_536) pause?.();
      yield await Promise.resolve(whole.subarray(at, at + 65_536));
    }
  }
  return { path, size: whole.length, modifiedAt: null, bytes: pieces() };
};

describe.each([
  ["vsftpd", () => startVsftpd(), (mib: number) => startVsftpd({ space: mib * 2 ** 20 })],
  ["Pure-FTPd", () => startPureFtpd(), (mib: number) => startPureFtpd({ quota: mib * 2 ** 20 })],
])("A folder on %s that is written to", (_name, start, startSmall) => {
  let server: Ftpd;
  let destination: Destination;
  beforeAll(async () => {
    server = await start();
  });
  beforeEach(async () => {
    rmSync(server.home, { recursive: true });
    mkdirSync(server.home);
    server.give(server.home);
    destination = await opened(server);
  });
  afterAll(() => server.close());
  const at = (path: string) => `${server.home}/${path}`;
  const names = () => namesIn(Buffer.from(server.home));

  it("is made when it is missing", async () => {
    const deep = await opened(server, { root: "made/by the check" });
    await deep.check();
    await deep.write(writing("file", "x"));
    expect(readFileSync(at("made/by the check/file"), "utf8")).toBe("x");
  });

  it("may be full", async () => {
    const small = await startSmall(2);
    open.push(() => small.close());
    const tight = await opened(small);
    await tight.check();
    await expect(tight.write(writing("file", randomBytes(6_000_000)))).rejects.toMatchObject({ type: "SOURCE_FULL", retryable: true });
    await tight.write(writing("little", "x"));
    const source = await openSource(specOf(small));
    open.push(() => source.close());
    // Pure-FTPd counts in a file of its own.
    expect((await listed(source)).map(({ path }) => path).filter((path) => path !== ".ftpquota")).toEqual(["little"]);
  });

  it("may be one that the account can't write to", async () => {
    chmodSync(server.home, 0o555);
    await expect(destination.check()).rejects.toMatchObject({ type: "SOURCE_DENIED", retryable: false });
    for (const path of ["file", "folder/file"]) {
      await expect(destination.write(writing(path, "x"))).rejects.toMatchObject({ type: "SOURCE_DENIED", retryable: false });
    }
    writeFileSync(at("there"), "x");
    await expect(destination.remove("there")).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    expect(names()).toEqual(["there"]);
  });

  it("keeps a folder whose place a file is to take, and a file whose place a folder is to take", async () => {
    put(server, "folder/file", "x");
    server.give(server.home);
    await expect(destination.write(writing("folder", "x"))).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
    await expect(destination.write(writing("folder/file/below", "x"))).rejects.toMatchObject({ retryable: false });
    await destination.remove("folder");
    expect(names()).toEqual(["folder/", "folder/file"]);
  });

  it("is cleared of what killed writers have left a day ago, and of nothing else", async () => {
    const [old, young, deep] = [partName(), partName(), `some/folder/${partName()}`];
    const others = ["some/file", "some/.legendo-x.part", "old"];
    for (const path of [old, young, deep, ...others]) put(server, path, "x");
    const longAgo = new Date(Date.now() - 2 * 86_400_000);
    for (const path of [old, deep, ...others]) utimesSync(at(path), longAgo, longAgo);
    server.give(server.home);
    await destination.check();
    expect(
      names()
        .filter((path) => !path.endsWith("/"))
        .sort(),
    ).toEqual([young, ...others].sort());
  });

  it("has nothing of a file that was under way when the connection was cut", async () => {
    const cut = destination.write(writing("in/file", Buffer.alloc(60_000_000), () => server.cut()));
    await expect(cut).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
    expect(names()).toEqual([]);
    await destination.write(writing("in/file", "x"));
    expect(names()).toEqual(["in/", "in/file"]);
  });

  it("gives up on a server that takes nothing any more", async () => {
    const impatient = await opened(server, { silence: 1000 });
    // More than the kernel's buffers take.
    const stalled = impatient.write(
      writing("file", Buffer.alloc(60_000_000), () => {
        for (const pid of server.serving()) process.kill(pid, "SIGSTOP");
      }),
    );
    await expect(stalled).rejects.toMatchObject({ type: "SOURCE_UNREACHABLE", retryable: true });
    server.cut();
  }, 20_000);

  it("gets a new file too where the server does not rename over an old one", async () => {
    let once = true;
    const answer = (command: string) => {
      if (!command.startsWith("RNTO") || !once) return undefined;
      once = false;
      return "553 That file is there already.";
    };
    const way = await between(server.host, { answer });
    open.push(() => way.close());
    put(server, "file", "old");
    server.give(server.home);
    await (await opened(server, { host: way.host })).write(writing("file", "new"));
    expect(readFileSync(at("file"), "utf8")).toBe("new");
    expect(names()).toEqual(["file"]);
  });

  it("has the time that the server gives where it sets none", async () => {
    const way = await between(server.host, {
      answer: (command) => (/^(MFMT|MDTM \d{14} )/.test(command) ? "502 Command not implemented." : undefined),
    });
    open.push(() => way.close());
    const timeless = await opened(server, { host: way.host });
    const { fingerprint } = await timeless.write({ ...writing("file", "x"), modifiedAt: Date.UTC(2023, 4, 6) });
    const source = await openSource(specOf(server));
    open.push(() => source.close());
    const [entry] = await listed(source);
    expect(entry!.fingerprint).toBe(fingerprint);
    expect(Math.abs(Date.now() - entry!.modifiedAt!)).toBeLessThan(60_000);
    expect(existsSync(at("file"))).toBe(true);
  });

  it("refuses names with line breaks", async () => {
    for (const path of ["two\nlines", "a\r"]) {
      await expect(destination.write(writing(path, "x"))).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
      await expect(destination.remove(path)).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
    }
  });
});
