import type { Failure } from "../../config/errors.ts";
import type { PackRecord } from "../../mixins/vault/pack.ts";
import type { PulledItem, PullFailure, PullResult } from "./pull.ts";
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

/** A page by columns: cloning 2,000 objects costs several times what a few long strings and arrays do. No path holds a NUL. */
export interface WirePage {
  paths: string;
  fingerprints: string;
  sizes: Float64Array<ArrayBuffer>;
  /** NaN for null. */
  modifiedAt: Float64Array<ArrayBuffer>;
  problems: [index: number, problem: Problem][];
}

export function packPage(entries: Entry[]): WirePage {
  return {
    paths: entries.map(({ path }) => path).join("\0"),
    fingerprints: entries.map(({ fingerprint }) => fingerprint).join("\0"),
    sizes: Float64Array.from(entries, ({ size }) => size),
    modifiedAt: Float64Array.from(entries, ({ modifiedAt }) => modifiedAt ?? NaN),
    problems: entries.flatMap(({ problem }, i): WirePage["problems"] => (problem ? [[i, problem]] : [])),
  };
}

export function unpackPage({ paths, fingerprints, sizes, modifiedAt, problems }: WirePage): Entry[] {
  const prints = fingerprints.split("\0");
  const entries = paths.split("\0").map((path, i): Entry => {
    const at = modifiedAt[i]!;
    return { path, size: sizes[i]!, modifiedAt: Number.isNaN(at) ? null : at, fingerprint: prints[i]! };
  });
  for (const [i, problem] of problems) entries[i]!.problem = problem;
  return entries;
}

/** A result with the bytes of its digests in one buffer: a cloned Buffer drags its whole pool along. */
export interface WireResult extends Omit<PullResult, "pack" | "items"> {
  pack?: Omit<PackRecord, "wrappedDataKey"> & { wrappedDataKey: Uint8Array<ArrayBuffer> };
  items: Omit<PulledItem, "contentId" | "checksum">[];
  digests: Uint8Array<ArrayBuffer>;
  failures: PullFailure[];
}

const DIGEST = 32;

export function packResult({ pack, items, ...rest }: PullResult): WireResult {
  const digests = new Uint8Array(items.length * 2 * DIGEST);
  const bare = items.map(({ contentId, checksum, ...item }, i) => {
    digests.set(contentId, i * 2 * DIGEST);
    digests.set(checksum, (i * 2 + 1) * DIGEST);
    return item;
  });
  return { ...rest, ...(pack && { pack: { ...pack, wrappedDataKey: new Uint8Array(pack.wrappedDataKey) } }), items: bare, digests };
}

export function unpackResult({ pack, items, digests, ...rest }: WireResult): PullResult {
  const digest = (i: number) => Buffer.from(digests.buffer, i * DIGEST, DIGEST);
  return {
    ...rest,
    ...(pack && { pack: { ...pack, wrappedDataKey: Buffer.from(pack.wrappedDataKey) } }),
    items: items.map((item, i) => ({ ...item, contentId: digest(i * 2), checksum: digest(i * 2 + 1) })),
  };
}
