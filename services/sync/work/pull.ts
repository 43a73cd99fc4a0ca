import type { TenantKeys } from "../../../mixins/vault/keys.ts";
import type { StoreOptions } from "../../../mixins/vault/store.ts";
import { arenaSize, pull, type StoredPart } from "../pull.ts";
import { atRest } from "../rest.ts";
import type { Pace } from "../sources/limits.ts";
import type { Spec } from "../sources/source.ts";
import { packResult, unpackColumns, type Columns, type WireResult } from "../wire.ts";
import type { Work } from "./work.ts";

export interface PullRequest {
  source: Spec;
  pace?: Pace;
  /** The tenant's working keys (openTenantKey). */
  keys: TenantKeys;
  store: StoreOptions;
  items: Columns;
  /** Whether what is worth it is compressed. */
  compress: boolean;
  strict: boolean;
  /** Of a large file: what an earlier try has stored of it already. */
  parts: StoredPart[];
}

export type PullQuestion = { kind: "known"; contentIds: string[] } | { kind: "part"; part: StoredPart };
/** The known content ids; nothing for a part. */
export type PullAnswer = ReadonlySet<string> | undefined;

/** Kept from batch to batch. */
const idleArenas: Buffer[] = [];
atRest.push(() => (idleArenas.length = 0));

/** One batch, or a large file, into the vault. */
const pullWork: Work<PullRequest, WireResult, PullQuestion, PullAnswer> = async (request, door) => {
  const { source, pace, keys, store, compress, strict, parts } = request;
  const items = unpackColumns(request.items);
  const planned = items.length === 1 ? 0 : items.reduce((sum, { size }) => sum + size, 0);
  const arena = planned > arenaSize ? Buffer.allocUnsafeSlow(planned) : (idleArenas.pop() ?? Buffer.allocUnsafeSlow(arenaSize));
  try {
    const result = await pull({
      source: await door.source(source, pace),
      store: await door.store(store),
      keys,
      items,
      arena,
      compress,
      strict,
      parts: parts.map((part) => ({ ...part, wrappedDataKey: Buffer.from(part.wrappedDataKey) })),
      known: async (contentIds) => (await door.ask({ kind: "known", contentIds })) ?? new Set(),
      stored: async (part) =>
        void (await door.ask({ kind: "part", part: { ...part, wrappedDataKey: Uint8Array.from(part.wrappedDataKey) as Buffer } })),
      signal: door.signal,
    });
    return packResult(result);
  } finally {
    if (arena.length === arenaSize) idleArenas.push(arena);
  }
};
export default pullWork;
