import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import { drained, listed, sourceContract } from "./contract.ts";
import type { FileSpec } from "./file.source.ts";
import { openSource } from "./kinds.ts";
import { comparePaths } from "./order.ts";
import type { Opened, Source } from "./source.ts";
import { walk } from "./walk.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "legendo-files-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const specOf = (root: string): FileSpec => ({ kind: "file", root, uri: pathToFileURL(root).href, host: "" });

function write(path: string, content: string | Buffer = "x"): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
  return path;
}

sourceContract("A folder", async () => {
  const root = mkdtempSync(join(folder, "contract-"));
  return {
    source: await openSource(specOf(root)),
    put: (path, bytes) => Promise.resolve(void write(placeOf(root, path), bytes)),
    remove: (path) => Promise.resolve(unlinkSync(placeOf(root, path))),
    close: () => Promise.resolve(),
  };
});
/** The contract's paths are as listed; of its names only this one is written differently. */
const placeOf = (root: string, path: string) => join(root, path);

describe("A folder", () => {
  let root: string;
  let source: Source;
  beforeEach(async () => {
    root = mkdtempSync(join(folder, "root-"));
    source = await openSource(specOf(root));
  });
  const open = (path: string) => source.open(path) as Opened;
  const refusedWith = (type: string) => expect.objectContaining({ type });
  const problems = async () => (await listed(source)).map(({ path, problem }) => [path, problem?.type]);

  it("lists names that are not UTF-8 and reads those files", async () => {
    writeFileSync(Buffer.concat([Buffer.from(`${root}/caf`), Buffer.from([0xe9])]), "latin");
    mkdirSync(Buffer.concat([Buffer.from(`${root}/d`), Buffer.from([0xff])]));
    writeFileSync(Buffer.concat([Buffer.from(`${root}/d`), Buffer.from([0xff]), Buffer.from("/in")]), "inside");
    write(join(root, "caf%E9"), "escaped");
    write(join(root, "line\nbreak"), "newline");
    const entries = await listed(source);
    expect(entries.map(({ path }) => path)).toEqual(["caf%25E9", "caf%E9", "d%FF/in", "line\nbreak"]);
    const contents = await Promise.all(entries.map(async ({ path }) => (await drained(open(path))).toString()));
    expect(contents).toEqual(["escaped", "latin", "inside", "newline"]);
  });

  it("lists a folder of very many names in order, whatever they are", async () => {
    const names = Array.from({ length: 14_000 }, (_, i) => `${(i * 7919) % 14_000} of many`);
    for (const name of names) writeFileSync(join(root, name), "");
    writeFileSync(Buffer.concat([Buffer.from(`${root}/7 caf`), Buffer.from([0xe9])]), "");
    mkdirSync(join(root, "1"));
    writeFileSync(join(root, "1/in"), "");
    symlinkSync("1", join(root, "999"));
    const expected = [...names, "7 caf%E9", "1/in", "999/in"].sort(comparePaths);
    expect((await listed(source)).map(({ path }) => path)).toEqual(expected);
    const rest: string[] = [];
    for await (const page of source.list(undefined, "7")) rest.push(...page.map(({ path }) => path));
    expect(rest).toEqual(expected.filter((path) => comparePaths(path, "7") > 0));
  });

  it.each<[string, (path: string, old: { atime: Date; mtime: Date }) => void]>([
    ["another size", (path) => appendFileSync(path, "more")],
    ["the same size at a new time", (path) => writeFileSync(path, "content 2")],
    ["the same size at an older time, in its place", (path) => replace(path, "content 2", new Date(1e12))],
    ["the same size at the time it had", (path, { atime, mtime }) => (writeFileSync(path, "content 2"), utimesSync(path, atime, mtime))],
    ["the same size and time, in its place", (path, { mtime }) => replace(path, "content 2", mtime)],
  ])("sees an edit that leaves a file with %s", async (_, edit) => {
    const path = write(join(root, "file"), "content 1");
    const print = async () => (await listed(source))[0]!.fingerprint;
    const before = await print();
    const old = statSync(path);
    await new Promise((resolve) => setTimeout(resolve, 25));
    edit(path, old);
    expect(await print()).not.toBe(before);
    expect((await drained(open("file"))).toString()).not.toBe("content 1");
    expect(await print()).toBe(await print());
  });

  it("does not trust the fingerprint of a file that was written a moment ago", async () => {
    const path = write(join(root, "file"));
    const opened = open("file");
    opened.close();
    expect(opened.fingerprint).toBe(`${(await listed(source))[0]!.fingerprint}~`);
    expect(statSync(path).size).toBe(1);
  });

  it("refuses what was read of a file that grew, shrank or was overwritten meanwhile", () => {
    for (const edit of [
      (path: string) => appendFileSync(path, "y"),
      (path: string) => writeFileSync(path, "short"),
      (path: string) => utimesSync(path, 5, 5),
    ]) {
      const path = write(join(root, "file"), Buffer.alloc(5000));
      const opened = open("file");
      expect(opened.read(Buffer.alloc(4000))).toBe(4000);
      edit(path);
      while ((opened.read(Buffer.alloc(4000)) as number) > 0);
      expect(() => opened.verify()).toThrow(expect.objectContaining({ type: "SOURCE_CHANGED", retryable: true }));
      opened.close();
    }
  });

  it("says that a file has vanished, and reads on what it has open", async () => {
    const path = write(join(root, "file"), "content");
    const opened = open("file");
    unlinkSync(path);
    expect(() => open("file")).toThrow(refusedWith("SOURCE_MISSING"));
    // Its link count has changed, so what was read is not trusted either.
    await expect(drained(opened)).rejects.toMatchObject({ type: "SOURCE_CHANGED" });
  });

  it("leaves out what vanishes while it is listed", () => {
    for (let i = 0; i < 2100; i++) write(join(root, `f${i}`));
    write(join(root, "z/in"));
    const pages = walk(root);
    expect((pages.next().value as unknown[]).length).toBe(2000);
    unlinkSync(join(root, "f999"));
    rmSync(join(root, "z"), { recursive: true });
    const rest = [...pages].flat();
    expect(rest).toHaveLength(99);
    expect(rest.some(({ path, problem }) => path === "f999" || problem)).toBe(false);
  });

  it("follows links inside itself once, and reports loops, dead links and links that leave it", async () => {
    const outside = mkdtempSync(join(folder, "outside-"));
    write(join(outside, "secret"), "secret");
    write(join(root, "real/file"), "content");
    symlinkSync("file", join(root, "real/link"));
    symlinkSync("../real", join(root, "real/loop"));
    symlinkSync("real", join(root, "folder-link"));
    symlinkSync("nothing", join(root, "dead"));
    symlinkSync("b", join(root, "a"));
    symlinkSync("a", join(root, "b"));
    symlinkSync(join(outside, "secret"), join(root, "out-file"));
    symlinkSync(outside, join(root, "out-folder"));
    mkdirSync(join(root, "second"));
    symlinkSync("../real", join(root, "second/link"));
    symlinkSync("second", join(root, "second-link"));
    expect(await problems()).toEqual([
      ["a", "SOURCE_ITEM_UNSUPPORTED"],
      ["b", "SOURCE_ITEM_UNSUPPORTED"],
      ["dead", "SOURCE_MISSING"],
      ["folder-link/file", undefined],
      ["folder-link/link", undefined],
      ["folder-link/loop/", "SOURCE_ITEM_UNSUPPORTED"],
      ["out-file", "SOURCE_NOT_ALLOWED"],
      ["out-folder/", "SOURCE_NOT_ALLOWED"],
      ["real/file", undefined],
      ["real/link", undefined],
      ["real/loop/", "SOURCE_ITEM_UNSUPPORTED"],
      ["second-link/link/", "SOURCE_ITEM_UNSUPPORTED"],
      ["second/link/file", undefined],
      ["second/link/link", undefined],
      ["second/link/loop/", "SOURCE_ITEM_UNSUPPORTED"],
    ]);
    expect((await listed(source)).some(({ problem }) => problem?.hides !== undefined)).toBe(false);
    expect((await drained(open("folder-link/link"))).toString()).toBe("content");
    expect(() => open("out-file")).toThrow(refusedWith("SOURCE_NOT_ALLOWED"));
    expect(() => open("a")).toThrow(refusedWith("SOURCE_ITEM_UNSUPPORTED"));
  });

  it("does not read through a link that took a folder's place after the listing", async () => {
    const outside = mkdtempSync(join(folder, "outside-"));
    write(join(outside, "file"), "secret");
    write(join(root, "folder/file"), "content");
    expect(await problems()).toEqual([["folder/file", undefined]]);
    rmSync(join(root, "folder"), { recursive: true });
    symlinkSync(outside, join(root, "folder"));
    expect(() => open("folder/file")).toThrow(refusedWith("SOURCE_NOT_ALLOWED"));
    expect(() => open("../" + "outside")).toThrow(refusedWith("SOURCE_MISSING"));
  });

  it("reports pipes and paths too long for the catalogue, and does not wait on a pipe", async () => {
    execFileSync("mkfifo", [join(root, "pipe")]);
    const long = Array.from({ length: 9 }, () => "n".repeat(250)).join("/");
    write(join(root, long));
    expect(await problems()).toEqual([
      [long, "SOURCE_ITEM_UNSUPPORTED"],
      ["pipe", "SOURCE_ITEM_UNSUPPORTED"],
    ]);
    expect(() => open("pipe")).toThrow(refusedWith("SOURCE_ITEM_UNSUPPORTED"));
    expect(() => open(dirname(long))).toThrow(refusedWith("SOURCE_ITEM_UNSUPPORTED"));
  });

  it("reports a folder and a file that it may not read, and lists the rest", () => {
    chmodSync(folder, 0o755);
    chmodSync(root, 0o755);
    write(join(root, "closed/file"));
    write(join(root, "locked"));
    write(join(root, "readable"));
    chmodSync(join(root, "closed"), 0);
    chmodSync(join(root, "locked"), 0);
    const entries = asNobody(() => [...walk(root)].flat());
    expect(entries.map(({ path, problem }) => [path, problem?.type, problem?.hides])).toEqual([
      ["closed/", "SOURCE_DENIED", "closed/"],
      ["locked", undefined, undefined],
      ["readable", undefined, undefined],
    ]);
    expect(() => asNobody(() => open("locked"))).toThrow(refusedWith("SOURCE_DENIED"));
  });

  it("fails as a whole when it is gone, unreadable or has become a link", async () => {
    rmSync(root, { recursive: true });
    await expect(source.check()).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    await expect(listed(source)).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    symlinkSync(tmpdir(), root);
    await expect(listed(source)).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
  });
});

/** Puts another file in the place of one, in one step. */
function replace(path: string, content: string, time: Date): void {
  const other = write(`${path}.other`, content);
  utimesSync(other, time, time);
  renameSync(other, path);
}

/** Root may read everything, so as root the work is done under another user's rights. */
function asNobody<T>(work: () => T): T {
  const root = process.getuid!() === 0;
  if (root) process.seteuid!(65_534);
  try {
    return work();
  } finally {
    if (root) process.seteuid!(0);
  }
}
