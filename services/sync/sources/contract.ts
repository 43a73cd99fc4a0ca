import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { comparePaths } from "./order.ts";
import type { Entry, Opened, Source } from "./source.ts";

/** A source over an empty place that the suite may fill. */
export interface Filled {
  source: Source;
  put(path: string, bytes: Buffer): Promise<void>;
  remove(path: string): Promise<void>;
  close(): Promise<void>;
}

export async function listed(source: Source, signal?: AbortSignal, after?: string): Promise<Entry[]> {
  const all: Entry[] = [];
  for await (const page of source.list(signal, after)) {
    expect(page.length).toBeLessThanOrEqual(2000);
    all.push(...page);
  }
  return all;
}

/** Reads an opened file to its end, by pieces of `piece` bytes. */
export async function drained(opened: Opened, piece = 1000): Promise<Buffer> {
  const parts: Buffer[] = [];
  try {
    for (;;) {
      const into = Buffer.alloc(piece);
      const got = await opened.read(into);
      if (!got) break;
      parts.push(into.subarray(0, got));
    }
    await opened.verify();
  } finally {
    opened.close();
  }
  return Buffer.concat(parts);
}

/** Names that are easy to get wrong, in no order. */
export const oddNames: readonly string[] = [
  "b",
  "a/c",
  "a-b",
  "a.txt",
  "a/b/c",
  "a/b-c",
  "a b+c",
  "ä",
  "z",
  "\u{1F600}.txt",
  "\uFB00.txt",
  "100%.txt",
  "%FF",
  "q?#&='\"<x>",
  "deep/er/and/deeper/x",
];

/** What every source has to do. */
export function sourceContract(name: string, open: () => Promise<Filled>): void {
  describe(`${name} as a source`, () => {
    let place: Filled;
    beforeAll(async () => {
      place = await open();
    });
    afterAll(async () => {
      place.source.close();
      await place.close();
    });

    it("can be checked and lists nothing when it is empty", async () => {
      await place.source.check();
      expect(await listed(place.source)).toEqual([]);
    });

    it("lists every file once, in byte order of the full path, with size and time", async () => {
      for (const path of oddNames) await place.put(path, Buffer.from(path));
      const entries = await listed(place.source);
      expect(entries.every(({ problem }) => !problem)).toBe(true);
      expect(entries.map(({ path }) => path)).toEqual(
        entries.map(({ path }) => path).sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
      expect(entries).toHaveLength(oddNames.length);
      for (const { path, size, modifiedAt } of entries) {
        expect((await drained(await place.source.open(path))).length).toBe(size);
        expect(Math.abs(Date.now() - modifiedAt!)).toBeLessThan(60_000);
      }
      for (const path of oddNames) await place.remove(path);
    });

    it("goes on with a listing after any of its paths, and after one that is not there", async () => {
      for (const path of oddNames) await place.put(path, Buffer.from(path));
      const paths = [...oddNames].sort(comparePaths);
      for (const after of [...paths, "a/", "a/b", "a/b/", "a/b/cc", "deep/er/0", "no/such/folder", "~"]) {
        const rest = (await listed(place.source, undefined, after)).map(({ path }) => path);
        expect(rest).toEqual(paths.filter((path) => comparePaths(path, after) > 0));
      }
      for (const path of oddNames) await place.remove(path);
    });

    it("lists thousands of files page by page", async () => {
      const paths = Array.from({ length: 2500 }, (_, i) => `many/${i}`);
      await Promise.all(paths.map((path) => place.put(path, Buffer.from("x"))));
      const entries = await listed(place.source);
      expect(entries.map(({ path }) => path)).toEqual(paths.sort(comparePaths));
      const rest = await listed(place.source, undefined, paths[1400]);
      expect(rest.map(({ path }) => path)).toEqual(paths.slice(1401));
      await Promise.all(paths.map((path) => place.remove(path)));
    });

    it.each([0, 1, 999, 1000, 1001, 300_000])("reads a file of %i bytes as it is", async (size) => {
      const bytes = randomBytes(size);
      await place.put("file", bytes);
      const opened = await place.source.open("file");
      expect(opened.size).toBe(size);
      expect((await drained(opened)).equals(bytes)).toBe(true);
    });

    it.each([0, 1000, 300_000])("reads a file of %i bytes from any byte on", async (size) => {
      const bytes = randomBytes(size);
      await place.put("file", bytes);
      for (const from of new Set([0, Math.min(1, size), size >> 1, Math.max(size - 1, 0), size])) {
        const opened = await place.source.open("file", undefined, from);
        expect(opened.size).toBe(size);
        expect((await drained(opened, 70_000)).equals(bytes.subarray(from))).toBe(true);
      }
    });

    it("changes a file's fingerprint with its content, and only then", async () => {
      const print = async () => (await listed(place.source)).find(({ path }) => path === "file")?.fingerprint;
      await place.put("file", Buffer.from("one"));
      const first = await print();
      expect(await print()).toBe(first);
      await place.put("file", Buffer.from("two"));
      expect(await print()).not.toBe(first);
    });

    it("opens a file that was written a while ago with the fingerprint it was listed with", async () => {
      await place.put("settled", Buffer.from("x"));
      await new Promise((resolve) => setTimeout(resolve, 50));
      const entry = (await listed(place.source)).find(({ path }) => path === "settled")!;
      const opened = await place.source.open("settled");
      opened.close();
      expect(opened.fingerprint).toBe(entry.fingerprint);
      expect(Math.trunc(opened.modifiedAt! / 1000)).toBe(Math.trunc(entry.modifiedAt! / 1000));
    });

    it("says that a file is missing", async () => {
      await expect((async () => place.source.open("no/such/file"))()).rejects.toMatchObject({ type: "SOURCE_MISSING", retryable: false });
    });

    it("stops listing when it is told to", async () => {
      await place.put("file", Buffer.from("x"));
      await expect(listed(place.source, AbortSignal.abort(new Error("enough")))).rejects.toThrow("enough");
    });
  });
}
