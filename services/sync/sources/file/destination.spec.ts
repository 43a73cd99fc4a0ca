import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeEach, describe, expect, it } from "@jest/globals";
import { listed } from "../contract.ts";
import { destinationContract } from "../destination.contract.ts";
import { place } from "../disk.ts";
import type { FileSpec } from "../file.source.ts";
import { parseInput } from "../input.ts";
import { openDestination, openSource } from "../kinds.ts";
import { nameOfBytes } from "../names.ts";
import { partName } from "../part.ts";
import type { Destination } from "../source.ts";

const folder = realpathSync(mkdtempSync(join(tmpdir(), "legendo-written-")));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const specOf = (root: string): FileSpec => ({ kind: "file", root, uri: pathToFileURL(root).href, host: "" });

destinationContract(
  "A folder",
  async () => {
    const root = join(folder, "made/by the check");
    return {
      destination: await openDestination(specOf(root)),
      source: await openSource(specOf(root)),
      read: (path) => Promise.resolve(readFileSync(place(root, path))),
      names: () => Promise.resolve(namesIn(Buffer.from(root))),
      close: () => Promise.resolve(),
    };
  },
  { keepsTime: 1 },
);

function namesIn(at: Buffer): string[] {
  return readdirSync(at, { withFileTypes: true, encoding: "buffer" }).flatMap((entry) => {
    const name = nameOfBytes(entry.name);
    if (!entry.isDirectory()) return [name];
    return [`${name}/`, ...namesIn(Buffer.concat([at, Buffer.from("/"), entry.name])).map((below) => `${name}/${below}`)];
  });
}

describe("A folder that is written to", () => {
  let root: string;
  let destination: Destination;
  beforeEach(async () => {
    root = mkdtempSync(join(folder, "root-"));
    destination = await openDestination(specOf(root));
  });
  const write = (path: string, content = "content", to = destination) => {
    async function* bytes() {
      yield await Promise.resolve(Buffer.from(content));
    }
    return to.write({ path, size: content.length, modifiedAt: null, bytes: bytes() });
  };

  it("follows links inside itself, and none that leads out of it", async () => {
    const outside = mkdtempSync(join(folder, "outside-"));
    mkdirSync(join(outside, "in"));
    writeFileSync(join(outside, "in/file"), "untouched");
    mkdirSync(join(root, "real"));
    symlinkSync("real", join(root, "inside"));
    symlinkSync(outside, join(root, "out"));
    await write("inside/new/file");
    expect(readFileSync(join(root, "real/new/file"), "utf8")).toBe("content");
    for (const path of ["out/file", "out/in/file", "out/new/file"]) {
      await expect(write(path)).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
      await expect(destination.remove(path)).rejects.toMatchObject({ type: expect.stringMatching(/SOURCE_NOT_ALLOWED/) });
    }
    expect(namesIn(Buffer.from(outside))).toEqual(["in/", "in/file"]);
    expect(readFileSync(join(outside, "in/file"), "utf8")).toBe("untouched");
  });

  it("may be asked for before it is there, inside the folders that may be used", async () => {
    const allowed = { roots: [root] };
    const wanted = pathToFileURL(join(root, "new/folder")).href;
    expect(await parseInput(wanted, {}, allowed, "write")).toMatchObject({ root: join(root, "new/folder") });
    await expect(parseInput(wanted, {}, allowed)).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    symlinkSync(tmpdir(), join(root, "out"));
    symlinkSync("nothing", join(root, "dead"));
    writeFileSync(join(root, "file"), "");
    const refused = (path: string) => parseInput(`${pathToFileURL(root).href}/${path}`, {}, allowed, "write");
    await expect(refused("out/new")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    await expect(refused("../beside")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    await expect(refused("dead")).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    await expect(refused("file")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
  });

  it("puts a file in the place of a link, and leaves alone what that led to", async () => {
    const outside = join(mkdtempSync(join(folder, "outside-")), "file");
    writeFileSync(outside, "untouched");
    symlinkSync(outside, join(root, "file"));
    await write("file");
    expect(lstatSync(join(root, "file")).isSymbolicLink()).toBe(false);
    expect(readFileSync(outside, "utf8")).toBe("untouched");
  });

  it("stays in the folder that it has opened when a link takes its place", async () => {
    const outside = mkdtempSync(join(folder, "outside-"));
    mkdirSync(join(root, "in"));
    async function* swap() {
      yield await Promise.resolve(Buffer.from("con"));
      execFileSync("mv", [join(root, "in"), join(root, "moved")]);
      symlinkSync(outside, join(root, "in"));
      yield Buffer.from("tent");
    }
    await destination.write({ path: "in/file", size: 7, modifiedAt: null, bytes: swap() });
    expect(readdirSync(outside)).toEqual([]);
    expect(readFileSync(join(root, "moved/file"), "utf8")).toBe("content");
  });

  it("refuses a file in the place of a folder and a folder in the place of a file", async () => {
    await write("folder/file");
    await expect(write("folder")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
    await expect(write("folder/file/below")).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
    await destination.remove("folder");
    expect(namesIn(Buffer.from(root))).toEqual(["folder/", "folder/file"]);
  });

  it("refuses names that the file system or its own parts do not allow", async () => {
    for (const path of ["n".repeat(256), partName(), `in/${partName()}`]) {
      await expect(write(path)).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
    }
    expect(namesIn(Buffer.from(root))).toEqual([]);
  });

  it("lists no parts, and a check clears those whose writer was killed more than a day ago", async () => {
    mkdirSync(join(root, "in"));
    const [young, old, listedToo] = [partName(), partName(), ".legendo-notes.part"];
    for (const name of [young, old, `in/${old}`, listedToo]) writeFileSync(join(root, name), "x");
    const yesterday = Date.now() / 1000 - 86_401;
    for (const name of [old, `in/${old}`, listedToo]) utimesSync(join(root, name), yesterday, yesterday);
    expect((await listed(await openSource(specOf(root)))).map(({ path }) => path)).toEqual([listedToo]);
    await destination.check();
    expect(namesIn(Buffer.from(root)).sort()).toEqual([young, listedToo, "in/"].sort());
  });

  it("is not made anew by writing when it is gone: a disk may no longer be mounted", async () => {
    rmSync(root, { recursive: true });
    await expect(write("in/file")).rejects.toMatchObject({ type: "SOURCE_MISSING" });
    expect(existsSync(root)).toBe(false);
  });

  it("is not used when it has become a link, nor made below one", async () => {
    rmSync(root, { recursive: true });
    symlinkSync(tmpdir(), root);
    await expect(destination.check()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    await expect(write("file")).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    const below = await openDestination(specOf(join(root, "legendo-below")));
    await expect(below.check()).rejects.toMatchObject({ type: "SOURCE_NOT_ALLOWED" });
    expect(existsSync(join(tmpdir(), "legendo-below"))).toBe(false);
  });

  it("names a folder that it may not write to", async () => {
    chmodSync(folder, 0o755);
    chmodSync(root, 0o555);
    await asNobody(async () => {
      await expect(destination.check()).rejects.toMatchObject({ type: "SOURCE_DENIED", retryable: false });
      await expect(write("file")).rejects.toMatchObject({ type: "SOURCE_DENIED" });
      await expect(write("in/file")).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    });
  });

  const mounting = process.getuid!() === 0 && process.platform === "linux" ? it : it.skip;
  mounting("names a full disk and a read-only one, and leaves nothing behind", async () => {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "legendo-test", root]);
    try {
      await write("small");
      await expect(write("in/large", "x".repeat(2_000_000))).rejects.toMatchObject({ type: "SOURCE_FULL", retryable: true });
      expect(readdirSync(root)).toEqual(["small"]);
      execFileSync("mount", ["-o", "remount,ro", root]);
      await expect(write("file")).rejects.toMatchObject({ type: "SOURCE_DENIED" });
      await expect(destination.remove("small")).rejects.toMatchObject({ type: "SOURCE_DENIED" });
      await expect(destination.check()).rejects.toMatchObject({ type: "SOURCE_DENIED" });
    } finally {
      execFileSync("umount", [root]);
    }
  });
});

/** Root may write everywhere, so as root the work is done under another user's rights. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const root = process.getuid!() === 0;
  if (root) process.seteuid!(65_534);
  try {
    await work();
  } finally {
    if (root) process.seteuid!(0);
  }
}
