import type { Failure } from "../../config/errors.ts";
import type { Encoding } from "../../mixins/vault/encoding.ts";
import type { PackRecord } from "../../mixins/vault/pack.ts";
import type { PullResult } from "./pull.ts";
import type { Pace } from "./sources/limits.ts";
import type { Entry, Problem, Spec } from "./sources/source.ts";

/** What the pool and its threads say to each other. `id` is the task's, `ask` the question's. */
export type ToThread =
  | { kind: "list"; id: number; source: Spec; pace?: Pace; after?: string }
  | { kind: "work"; id: number; name: string; request: unknown }
  /** The reader of a listing has taken a page. */
  | { kind: "more"; id: number }
  | { kind: "answer"; id: number; ask: number; value?: unknown; failure?: Failure }
  | { kind: "abort"; id: number; failure: Failure };

export type FromThread =
  | { kind: "page"; id: number; page: WirePage }
  | { kind: "ask"; id: number; ask: number; question: unknown }
  | { kind: "done"; id: number; result?: unknown }
  | { kind: "failed"; id: number; failure: Failure };

/** What is listed, by columns: cloning 2,000 objects costs several times what a few long strings and arrays do. No path holds a NUL. */
export interface Columns {
  paths: string;
  fingerprints: string;
  sizes: Float64Array<ArrayBuffer>;
  modifiedAt: Numbers;
}
/** NaN for null. */
type Numbers = Float64Array<ArrayBuffer>;

type Listed = Pick<Entry, "path" | "fingerprint" | "size" | "modifiedAt">;

export function packColumns(items: readonly Listed[]): Columns {
  return {
    paths: items.map(({ path }) => path).join("\0"),
    fingerprints: items.map(({ fingerprint }) => fingerprint).join("\0"),
    sizes: Float64Array.from(items, ({ size }) => size),
    modifiedAt: Float64Array.from(items, ({ modifiedAt }) => modifiedAt ?? NaN),
  };
}

const orNull = (number: number): number | null => (Number.isNaN(number) ? null : number);

export function unpackColumns({ paths, fingerprints, sizes, modifiedAt }: Columns): Listed[] {
  // Nothing, and a single item without a name, would be the same text.
  if (!sizes.length) return [];
  const prints = fingerprints.split("\0");
  return paths.split("\0").map((path, i) => ({ path, size: sizes[i]!, modifiedAt: orNull(modifiedAt[i]!), fingerprint: prints[i]! }));
}

export interface WirePage extends Columns {
  problems: [index: number, problem: Problem][];
}

export const packPage = (entries: Entry[]): WirePage => ({
  ...packColumns(entries),
  problems: entries.flatMap(({ problem }, i): WirePage["problems"] => (problem ? [[i, problem]] : [])),
});

export function unpackPage({ problems, ...columns }: WirePage): Entry[] {
  const entries: Entry[] = unpackColumns(columns);
  for (const [i, problem] of problems) entries[i]!.problem = problem;
  return entries;
}

/** A result; a cloned Buffer would drag its whole pool along. */
export interface WireResult extends Omit<PullResult, "pack" | "items"> {
  pack?: Omit<PackRecord, "wrappedDataKey"> & { wrappedDataKey: Uint8Array<ArrayBuffer> };
  items: Columns & {
    /** One after the other. */
    contentIds: string;
    checksums: string;
    offsets: Numbers;
    stored: Float64Array<ArrayBuffer>;
    encodings: Encoding[];
    deduplicated: boolean[];
  };
}

/** Characters of a digest in hexadecimal. */
const DIGEST = 64;
const digest = (all: string, i: number) => all.slice(i * DIGEST, (i + 1) * DIGEST);

export function packResult({ pack, items, ...rest }: PullResult): WireResult {
  return {
    ...rest,
    ...(pack && { pack: { ...pack, wrappedDataKey: new Uint8Array(pack.wrappedDataKey) } }),
    items: {
      ...packColumns(items),
      contentIds: items.map(({ contentId }) => contentId).join(""),
      checksums: items.map(({ checksum }) => checksum).join(""),
      offsets: Float64Array.from(items, ({ offset }) => offset ?? NaN),
      stored: Float64Array.from(items, ({ stored }) => stored),
      encodings: items.map(({ encoding }) => encoding),
      deduplicated: items.map(({ deduplicated }) => deduplicated),
    },
  };
}

export function unpackResult({ pack, items, ...rest }: WireResult): PullResult {
  return {
    ...rest,
    ...(pack && { pack: { ...pack, wrappedDataKey: Buffer.from(pack.wrappedDataKey) } }),
    items: unpackColumns(items).map((item, i) => ({
      ...item,
      contentId: digest(items.contentIds, i),
      checksum: digest(items.checksums, i),
      offset: orNull(items.offsets[i]!),
      stored: items.stored[i]!,
      encoding: items.encodings[i]!,
      deduplicated: items.deduplicated[i]!,
    })),
  };
}
