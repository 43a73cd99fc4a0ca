import { randomBytes } from "node:crypto";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import { listed, oddNames } from "./contract.ts";
import { comparePaths } from "./order.ts";
import type { Destination, Source, Writing } from "./source.ts";

/** A destination over an empty place, and the source that lists what it wrote. */
export interface Writable {
  destination: Destination;
  source: Source;
  /** The bytes that stand under a path, read past the source. Rejects when there are none. */
  read(path: string): Promise<Buffer>;
  /** Every file and folder (ending in '/') that is there, temporary ones and unfinished uploads too; none in an empty place. */
  names?(): Promise<string[]>;
  close(): Promise<void>;
}

export interface DestinationTraits {
  /** The place keeps the time of an entry, to this many milliseconds. 0: it has times of its own. */
  keepsTime?: number;
  /** Whether a name can be held at all. */
  holds?: (path: string) => boolean;
  /** Paths that are refused with SOURCE_ITEM_UNSUPPORTED. */
  refuses?: readonly string[];
}

/** Leading out of the place, or naming no file. */
const unnameable = ["../out", "in/../../out", "..", ".", "in/./file", "in//file", "/file", "in/", "", "n\0l"];

async function* pieces(bytes: Buffer, piece = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += piece) yield await Promise.resolve(bytes.subarray(at, at + piece));
}

const writing = (path: string, bytes: Buffer, changed: Partial<Writing> = {}): Writing => {
  return { path, size: bytes.length, modifiedAt: Date.UTC(2023, 4, 6, 7, 8, 9), bytes: pieces(bytes), ...changed };
};

const MIB = 2 ** 20;

/** What every destination has to do. */
export function destinationContract(name: string, open: () => Promise<Writable>, traits: DestinationTraits = {}): void {
  const { keepsTime = 0, holds = () => true, refuses = unnameable } = traits;

  describe(`${name} as a destination`, () => {
    let place: Writable;
    beforeAll(async () => {
      place = await open();
    });
    afterAll(async () => {
      place.destination.close();
      place.source.close();
      await place.close();
    });
    // What a failed claim left shall not fail the next one.
    afterEach(async () => {
      for (const { path } of await listed(place.source)) await place.destination.remove(path);
    });
    const write = (path: string, bytes: Buffer, changed?: Partial<Writing>) => place.destination.write(writing(path, bytes, changed));
    const paths = async () => (await listed(place.source)).map(({ path }) => path);
    /** Nothing but these files and the folders above them. */
    const holdsOnly = async (...files: string[]) => {
      expect(await paths()).toEqual([...files].sort(comparePaths));
      if (!place.names) return;
      const folders = files.flatMap((file) => [...file.matchAll(/\//g)].map(({ index }) => file.slice(0, index + 1)));
      expect((await place.names()).filter((path) => !path.endsWith("/") || !folders.includes(path)).sort()).toEqual([...files].sort());
    };

    it("can be checked when it is empty, and keeps no trace of it", async () => {
      await place.destination.check();
      await holdsOnly();
      await place.destination.check();
    });

    it.each([0, 1, 300_000, 9 * MIB, 20 * MIB + 1])("writes a file of %i bytes whole, and tells how it is listed", async (size) => {
      const bytes = randomBytes(size);
      const { fingerprint } = await write("some/where/file", bytes);
      expect((await place.read("some/where/file")).equals(bytes)).toBe(true);
      const [entry, ...others] = await listed(place.source);
      expect(entry).toMatchObject({ path: "some/where/file", size, fingerprint });
      expect(entry).not.toHaveProperty("problem");
      expect(others).toEqual([]);
      if (keepsTime) expect(Math.abs(entry!.modifiedAt! - writing("", bytes).modifiedAt!)).toBeLessThan(keepsTime);
      await holdsOnly("some/where/file");
      await place.destination.remove("some/where/file");
      await holdsOnly();
    });

    it("takes an entry without a time", async () => {
      await write("timeless", Buffer.from("x"), { modifiedAt: null });
      await place.destination.remove("timeless");
    });

    it("holds odd names", async () => {
      const names = oddNames.filter(holds);
      expect(names.length).toBeGreaterThan(0);
      for (const path of names) await write(path, Buffer.from(path));
      await holdsOnly(...names);
      for (const path of names) expect((await place.read(path)).toString()).toBe(path);
      for (const path of names) await place.destination.remove(path);
      await holdsOnly();
    });

    it("replaces what was there, longer or shorter", async () => {
      const prints = new Set<string>();
      for (const content of ["first", "the second, which is longer", "3rd"]) {
        prints.add((await write("in/file", Buffer.from(content))).fingerprint);
        expect((await place.read("in/file")).toString()).toBe(content);
      }
      expect(prints.size).toBe(3);
      await holdsOnly("in/file");
      await place.destination.remove("in/file");
    });

    it.each([300_000, 20 * MIB])("leaves everything as it was when the bytes break off half-way through %i", async (size) => {
      const failure = new Error("the vault broke off");
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield* pieces(randomBytes(size / 2));
        throw failure;
      }
      const before = Buffer.from("as it was");
      await write("there", before);
      for (const path of ["there", "new", "new-folder/new"]) {
        await expect(place.destination.write({ path, size, modifiedAt: null, bytes: broken() })).rejects.toBe(failure);
      }
      expect((await place.read("there")).equals(before)).toBe(true);
      await holdsOnly("there");
      await place.destination.remove("there");
    });

    it.each([0, 10, 300_000, 20 * MIB])("refuses bytes that are not as many as announced (%i)", async (size) => {
      const bytes = randomBytes(size);
      for (const announced of size ? [size - 1, size + 1] : [1]) {
        await expect(write("in/file", bytes, { size: announced })).rejects.toMatchObject({ type: "SOURCE_CHANGED" });
      }
      await holdsOnly();
    });

    it("refuses a path that it can't hold", async () => {
      for (const path of refuses) {
        const bytes = Buffer.from("x");
        await expect(write(path, bytes)).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED", retryable: false });
        await expect(place.destination.remove(path)).rejects.toMatchObject({ type: "SOURCE_ITEM_UNSUPPORTED" });
      }
      await holdsOnly();
    });

    it("removes an entry and the folders that it leaves empty, and no others", async () => {
      const files = ["a/b/c/one", "a/b/c/two", "a/b/three", "four"];
      for (const path of files) await write(path, Buffer.from(path));
      await place.destination.remove("a/b/c/one");
      await holdsOnly(...files.slice(1));
      await place.destination.remove("a/b/c/two");
      await holdsOnly("a/b/three", "four");
      await place.destination.remove("a/b/three");
      await holdsOnly("four");
      await place.destination.remove("four");
      await holdsOnly();
      await place.destination.check();
    });

    it("takes what is not there for removed", async () => {
      await write("in/there", Buffer.from("x"));
      for (const path of ["in/no", "no", "no/such/folder/file", "in/there/below"]) await place.destination.remove(path);
      await holdsOnly("in/there");
      await place.destination.remove("in/there");
      await place.destination.remove("in/there");
      await holdsOnly();
    });

    it("writes and removes many entries at the same time", async () => {
      const files = Array.from({ length: 40 }, (_, i) => ({ path: `p/${i % 4}/${i}`, bytes: randomBytes(1000 * i) }));
      const waves = async (work: (file: (typeof files)[number]) => Promise<unknown>) => {
        const queue = files.values();
        const worker = async () => {
          for (const file of queue) await work(file);
        };
        await Promise.all(Array.from({ length: place.destination.parallel }, worker));
      };
      await waves(({ path, bytes }) => write(path, bytes));
      await holdsOnly(...files.map(({ path }) => path));
      for (const { path, bytes } of files) expect((await place.read(path)).equals(bytes)).toBe(true);
      // While the folders of some are removed, others are written into the same ones.
      await waves(({ path, bytes }) => (bytes.length % 2000 ? place.destination.remove(path) : write(path, bytes)));
      await holdsOnly(...files.filter(({ bytes }) => bytes.length % 2000 === 0).map(({ path }) => path));
      await waves(({ path }) => place.destination.remove(path));
      await holdsOnly();
    });

    it("writes one path from two sides: one of both stands there, whole", async () => {
      const two = [randomBytes(300_000), randomBytes(200_000)];
      await Promise.all(two.map((bytes) => write("both", bytes)));
      const stands = await place.read("both");
      expect(two.some((bytes) => bytes.equals(stands))).toBe(true);
      await holdsOnly("both");
      await place.destination.remove("both");
    });

    it.each([300_000, 20 * MIB])("stops when it is told to, also while bytes do not come (%i)", async (size) => {
      const abort = new AbortController();
      async function* stalling(): AsyncGenerator<Uint8Array> {
        yield* pieces(randomBytes(size / 2));
        setTimeout(() => abort.abort(new Error("enough")), 20);
        await new Promise(() => {});
      }
      const stalled = place.destination.write({ path: "in/file", size, modifiedAt: null, bytes: stalling() }, abort.signal);
      await expect(stalled).rejects.toThrow("enough");
      const late = AbortSignal.abort(new Error("before it began"));
      await expect(place.destination.write(writing("file", Buffer.from("x")), late)).rejects.toThrow("before it began");
      await holdsOnly();
    });
  });
}
