import { createHash, hash } from "node:crypto";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { errors, failureOf } from "../../config/errors.ts";
import { contentId, maskChecksum, type TenantKeys } from "../../mixins/vault/keys.ts";
import { LARGE_CHUNK, SMALL_CHUNK } from "../../mixins/vault/seal.ts";
import type { Store, StoreOptions } from "../../mixins/vault/store.ts";
import { startPack, type PackRecord } from "./pack.ts";
import { batchLimits, type FetchItem } from "./plan.ts";
import type { Opened, Source, Spec } from "./sources/source.ts";

/** Which of these content ids (hex) the tenant's catalogue has already. */
export type KnownContent = (contentIds: string[]) => Promise<ReadonlySet<string>>;

export interface PullRequest {
  source: Spec;
  /** The tenant's working keys (openTenantKey). */
  keys: TenantKeys;
  store: StoreOptions;
  items: FetchItem[];
}

export interface PulledItem {
  path: string;
  size: number;
  modifiedAt: number | null;
  /** Of the moment the file was opened: what the catalogue compares next time. */
  fingerprint: string;
  contentId: Buffer;
  /** SHA-256, masked (unmaskChecksum). */
  checksum: Buffer;
  /** Place in the pack, plaintext bytes; null when the content was known or came earlier in the batch: then it lies where its id says. */
  offset: number | null;
  deduplicated: boolean;
}

export interface PullFailure {
  path: string;
  type: string;
  message: string;
  retryable: boolean;
  attempts: number;
}

export interface PullResult {
  /** Absent when there was nothing new. */
  pack?: PackRecord;
  items: PulledItem[];
  failures: PullFailure[];
}

/** A pull with its doors open. */
export interface Pull {
  source: Source;
  store: Store;
  keys: TenantKeys;
  items: FetchItem[];
  /** Room for a batch's plaintext and for some growth since the listing; reused from batch to batch. */
  arena: Buffer;
  known: KnownContent;
  signal?: AbortSignal;
}

export const arenaSize = batchLimits.maxBytes + 1024 * 1024;
/** Bytes of a large file that are read, hashed and sealed at a time. */
const STRIDE = 2 * 1024 * 1024;
const ATTEMPTS = 3;
const BACKOFF = 100;
/** Failures to reach the source, without one success, after which the whole batch is given up. */
const HOPELESS = 16;

/**
 * The road of one batch: open, read, hash, ask what is known, seal the rest into one pack, store it.
 * Faults of single files are in the result; whatever this throws concerns the whole batch and leaves nothing in the store.
 */
export async function pull(job: Pull): Promise<PullResult> {
  const [first] = job.items;
  if (job.items.length === 1 && first!.size >= batchLimits.largeFrom) return pullLarge(job, first!);

  const { files, failures } = await readAll(job);
  const items = files.map((file) => pulledItem(file, hash("sha256", bytesOf(job, file), "buffer"), job.keys));
  const fresh = await unknown(job, items);
  job.signal?.throwIfAborted();
  if (!fresh.size) return { items, failures };

  const pack = await startPack(job.store, job.keys, SMALL_CHUNK);
  try {
    for (const [i, item] of items.entries()) if (fresh.has(item)) item.offset = await pack.add(bytesOf(job, files[i]!));
    return { pack: await pack.commit(), items, failures };
  } catch (error) {
    await pack.abort();
    throw error;
  }
}

/** The same road for a file too large to hold: hashed and sealed in one pass; if its content turns out to be known, the pack is dropped. */
async function pullLarge(job: Pull, item: FetchItem): Promise<PullResult> {
  for (let attempt = 1; ; attempt++) {
    job.signal?.throwIfAborted();
    const pack = await startPack(job.store, job.keys, LARGE_CHUNK);
    try {
      const pulled = await streamInto(pack, job, item);
      const fresh = await unknown(job, [pulled]);
      job.signal?.throwIfAborted();
      if (fresh.size) return { pack: await pack.commit(), items: [{ ...pulled, offset: 0 }], failures: [] };
      await pack.abort();
      return { items: [pulled], failures: [] };
    } catch (error) {
      await pack.abort();
      job.signal?.throwIfAborted();
      const failure = failureOf(error);
      if (!failure.type.startsWith("SOURCE_")) throw error;
      if (!failure.retryable || attempt === ATTEMPTS) return { items: [], failures: [failed(item, failure, attempt)] };
      await backOff(attempt, job.signal);
    }
  }
}

async function streamInto(pack: Awaited<ReturnType<typeof startPack>>, job: Pull, item: FetchItem): Promise<PulledItem> {
  const opened = await job.source.open(item.path, job.signal);
  try {
    const sha256 = createHash("sha256");
    const stride = job.arena.subarray(0, STRIDE);
    let size = 0;
    for (let got = await opened.read(stride); got > 0; got = await opened.read(stride)) {
      job.signal?.throwIfAborted();
      const part = stride.subarray(0, got);
      sha256.update(part);
      await pack.add(part);
      size += got;
      // A local file never waits by itself: without this nothing else of the thread would go on meanwhile.
      await turn();
    }
    opened.verify();
    return pulledItem({ item, opened, at: 0, size }, sha256.digest(), job.keys);
  } finally {
    opened.close();
  }
}

/** A file whose bytes lie in the arena. */
interface FileRead {
  item: FetchItem;
  opened: Opened;
  at: number;
  size: number;
}

const bytesOf = (job: Pull, file: FileRead): Buffer => job.arena.subarray(file.at, file.at + file.size);

/** Reads every file into the arena. What fails and may pass is tried again after the others, so that one flaky file delays none. */
async function readAll(job: Pull): Promise<{ files: FileRead[]; failures: PullFailure[] }> {
  const slots = new Map<FetchItem, { at: number; size: number }>();
  const read = new Map<FetchItem, FileRead>();
  const failures: PullFailure[] = [];
  let top = 0;
  const reserve = (item: FetchItem, size: number) => {
    const slot = slots.get(item);
    if (slot && slot.size >= size) return slot.at;
    if (top + size > job.arena.length)
      throw errors.sourceChanged(`${item.path} grew to ${size} bytes since it was listed with ${item.size}.`);
    slots.set(item, { at: top, size });
    top += size;
    return top - size;
  };

  let waiting = job.items;
  for (let attempt = 1; waiting.length; attempt++) {
    if (attempt > 1) await backOff(attempt - 1, job.signal);
    const again: FetchItem[] = [];
    let unreachable = 0;
    await inParallel(waiting, job.source.parallel, async (item) => {
      try {
        read.set(item, await readOne(job, item, reserve));
      } catch (error) {
        job.signal?.throwIfAborted();
        const failure = failureOf(error);
        if (failure.type === "SOURCE_UNREACHABLE" && ++unreachable === HOPELESS && !read.size) throw error;
        if (failure.retryable && attempt < ATTEMPTS) again.push(item);
        else failures.push(failed(item, failure, attempt));
      }
    });
    waiting = again;
  }
  return { files: job.items.flatMap((item) => read.get(item) ?? []), failures };
}

const beyond = Buffer.alloc(1);

async function readOne(job: Pull, item: FetchItem, reserve: (item: FetchItem, size: number) => number): Promise<FileRead> {
  job.signal?.throwIfAborted();
  // Awaiting what is no promise would cost a local file two turns of the event loop.
  const opening = job.source.open(item.path, job.signal);
  const opened = opening instanceof Promise ? await opening : opening;
  try {
    const { size } = opened;
    const at = reserve(item, size);
    let filled = 0;
    while (filled < size) {
      const reading = opened.read(job.arena.subarray(at + filled, at + size));
      const got = typeof reading === "number" ? reading : await reading;
      if (!got) break;
      filled += got;
    }
    // Files that announce nothing may still hold something (/proc does so).
    if (!size) await opened.read(beyond);
    opened.verify();
    return { item, opened, at, size };
  } finally {
    opened.close();
  }
}

function pulledItem({ item, opened, size }: FileRead, sha256: Buffer, keys: TenantKeys): PulledItem {
  const id = contentId(keys, sha256);
  const { modifiedAt, fingerprint } = opened;
  const checksum = maskChecksum(keys, id, sha256);
  return { path: item.path, size, modifiedAt, fingerprint, contentId: id, checksum, offset: null, deduplicated: true };
}

/** The first item of every content that the tenant does not have yet; it is marked so. */
async function unknown(job: Pull, items: PulledItem[]): Promise<Set<PulledItem>> {
  const firsts = new Map<string, PulledItem>();
  for (const item of items) {
    const id = item.contentId.toString("hex");
    if (!firsts.has(id)) firsts.set(id, item);
  }
  if (!firsts.size) return new Set();
  for (const id of await job.known([...firsts.keys()])) firsts.delete(id);
  const fresh = new Set(firsts.values());
  for (const item of fresh) item.deduplicated = false;
  return fresh;
}

const failed = (
  { path }: FetchItem,
  { type, message, retryable }: Omit<PullFailure, "path" | "attempts">,
  attempts: number,
): PullFailure => {
  return { path, type, message, retryable, attempts };
};

/** 0.1 s, then 0.4 s. */
const backOff = (attempt: number, signal: AbortSignal | undefined) => pause(BACKOFF * 4 ** (attempt - 1), undefined, { signal });

/** Resolves or rejects when nothing is under way any more: the arena may then be used by others. */
async function inParallel<T>(items: T[], width: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values();
  let broken = false;
  const worker = async () => {
    for (const item of queue) {
      if (broken) return;
      await work(item);
    }
  };
  const workers = Array.from({ length: Math.min(width, items.length) }, () =>
    worker().catch((error: unknown) => {
      broken = true;
      throw error;
    }),
  );
  for (const ended of await Promise.allSettled(workers)) if (ended.status === "rejected") throw ended.reason;
}
