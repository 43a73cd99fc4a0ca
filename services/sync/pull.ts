import { createHash, hash } from "node:crypto";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import { errors, failureOf, failureType } from "../../config/errors.ts";
import { encode, encodings, type Encoding } from "../../mixins/vault/encoding.ts";
import { contentId, maskChecksum, type TenantKeys } from "../../mixins/vault/keys.ts";
import { LARGE_CHUNK, SMALL_CHUNK } from "../../mixins/vault/seal.ts";
import type { Store } from "../../mixins/vault/store.ts";
import { readExtent } from "../../mixins/vault/ticket.ts";
import { startPack, type PackRecord } from "../../mixins/vault/pack.ts";
import { inParallel } from "./parallel.ts";
import { batchLimits, type FetchItem } from "./plan.ts";
import type { Opened, Source } from "./sources/source.ts";

/** Which of these content ids (hex) the tenant's catalogue has already. */
export type KnownContent = (contentIds: string[]) => Promise<ReadonlySet<string>>;

export interface PulledItem {
  path: string;
  size: number;
  modifiedAt: number | null;
  /** Of the moment the file was opened: what the catalogue compares next time. */
  fingerprint: string;
  /** Hexadecimal. */
  contentId: string;
  /** SHA-256, masked (unmaskChecksum), hexadecimal. */
  checksum: string;
  /**
   * Place in the result's pack, plaintext bytes of it; null when the content was known or came earlier in the batch (then it lies where
   * its id says), and for a large file, whose place are the parts.
   */
  offset: number | null;
  /** Bytes there. */
  stored: number;
  encoding: Encoding;
  deduplicated: boolean;
}

export interface PullFailure {
  path: string;
  type: string;
  message: string;
  retryable: boolean;
  attempts: number;
}

/** A part of a large file, stored as a pack of its own. */
export interface StoredPart extends PackRecord {
  number: number;
  /** Bytes of the file. */
  size: number;
  /** Bytes in the pack. */
  stored: number;
  encoding: Encoding;
  /** Of the file when the part was read. */
  fingerprint: string;
}

export interface PullResult {
  /** Absent when there was nothing new. */
  pack?: PackRecord;
  items: PulledItem[];
  failures: PullFailure[];
  /** How many parts the large file of the batch has; all of them have been handed to `stored`. */
  parts?: number;
}

/** A pull with its doors open. */
export interface Pull {
  source: Source;
  store: Store;
  keys: TenantKeys;
  items: FetchItem[];
  /** Room for a batch's plaintext and for some growth since the listing; reused from batch to batch. */
  arena: Buffer;
  compress: boolean;
  /** Entries are taken only in the state they were listed in: the plan was approved as it stands. */
  strict?: boolean;
  /** Parts of the large file that an earlier try has stored, in order. */
  parts: StoredPart[];
  known: KnownContent;
  /** Records a part of a large file; in order. Number 0 starts anew: parts that were stored before it are of no use. */
  stored(part: StoredPart): Promise<void>;
  signal?: AbortSignal;
}

export const arenaSize = batchLimits.maxBytes + 1024 * 1024;
/** Bytes of a large file that are read and hashed at a time. */
const STRIDE = 2 * 1024 * 1024;
/** Bytes of a large file that are stored and recorded at a time: what a killed transfer repeats at most. */
export const PART = 8 * 1024 * 1024;
/** Parts that are being stored while the next is read. */
const BEHIND = 2;
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
    for (const [i, item] of items.entries()) {
      if (!fresh.has(item)) continue;
      const { encoding, stored } = encoded(job, item.path, bytesOf(job, files[i]!));
      Object.assign(item, { encoding, stored: stored.length, offset: await pack.add(stored) });
    }
    return { pack: await pack.commit(), items, failures };
  } catch (error) {
    await pack.abort();
    throw error;
  }
}

const encoded = (job: Pull, path: string, bytes: Buffer) =>
  job.compress ? encode(bytes, path) : { encoding: encodings.plain, stored: bytes };

/**
 * The same road for a file too large to hold, in parts: each is sealed, stored and recorded before the one after the next, so that whoever
 * goes on after a crash repeats no more than what was not recorded.
 */
async function pullLarge(job: Pull, item: FetchItem): Promise<PullResult> {
  let { parts } = job;
  for (let attempt = 1; ; attempt++) {
    job.signal?.throwIfAborted();
    try {
      const { pulled, count } = await streamParts(job, item, parts);
      const fresh = await unknown(job, [pulled]);
      return { items: [{ ...pulled, deduplicated: !fresh.size }], failures: [], parts: count };
    } catch (error) {
      job.signal?.throwIfAborted();
      const failure = failureOf(error);
      if (!/^(SOURCE|PLAN)_/.test(failure.type)) throw error;
      if (!failure.retryable || attempt === ATTEMPTS) return { items: [], failures: [failed(item, failure, attempt)] };
      await backOff(attempt, job.signal);
      // Sources go on after a break by themselves; what fails even so starts anew.
      parts = [];
    }
  }
}

async function streamParts(job: Pull, item: FetchItem, earlier: StoredPart[]): Promise<{ pulled: PulledItem; count: number }> {
  const resumed = await resume(job, item, earlier);
  const { opened, sha256 } = resumed ?? { opened: await job.source.open(item.path, job.signal), sha256: createHash("sha256") };
  let number = resumed?.parts ?? 0;
  let size = resumed?.size ?? 0;
  const behind: Promise<void>[] = [];
  // Recorded in order, whichever is stored first.
  let recorded: Promise<void> = Promise.resolve();
  try {
    if (job.strict) refuseChanged(item, opened);
    for (let ended = false; !ended;) {
      let filled = 0;
      while (filled < PART) {
        const got = await opened.read(job.arena.subarray(filled, Math.min(PART, filled + STRIDE)));
        ended = !got;
        if (ended) break;
        sha256.update(job.arena.subarray(filled, filled + got));
        filled += got;
        job.signal?.throwIfAborted();
        // A local file never waits by itself: without this nothing else of the thread would go on meanwhile.
        await turn();
      }
      if (!filled) break;
      size += filled;
      if (behind.length >= BEHIND) await behind.shift();
      const { committed } = await beginPart(job, item.path, job.arena.subarray(0, filled));
      const part = { number: number++, size: filled, fingerprint: opened.fingerprint };
      const before = recorded;
      recorded = committed.then(async (pack) => {
        await before;
        await job.stored({ ...pack, ...part });
      });
      // Its failure is met where it is awaited; until then it must not end the process.
      recorded.catch(() => {});
      behind.push(recorded);
    }
    await opened.verify();
    await recorded;
    const pulled = pulledItem({ item, opened, at: 0, size }, sha256.digest(), job.keys);
    return { pulled, count: number };
  } finally {
    opened.close();
    await Promise.allSettled(behind);
  }
}

/** Seals a part; resolves when its bytes may be reused, with the promise that it is stored. */
async function beginPart(
  job: Pull,
  path: string,
  bytes: Buffer,
): Promise<{ committed: Promise<PackRecord & { stored: number; encoding: Encoding }> }> {
  const { encoding, stored } = encoded(job, path, bytes);
  const pack = await startPack(job.store, job.keys, LARGE_CHUNK);
  try {
    await pack.add(stored);
  } catch (error) {
    await pack.abort();
    throw error;
  }
  const committed = pack.commit().then(
    (record) => ({ ...record, stored: stored.length, encoding }),
    async (error: unknown) => {
      await pack.abort();
      throw error;
    },
  );
  committed.catch(() => {});
  return { committed };
}

/**
 * Goes on after the parts of an earlier try: they are read back from the vault, which proves them and gives the hash so far.
 * @returns undefined when there are none, the file is not the same any more, or a part can't be read: then it starts anew
 */
async function resume(
  job: Pull,
  item: FetchItem,
  parts: StoredPart[],
): Promise<{ opened: Opened; sha256: ReturnType<typeof createHash>; parts: number; size: number } | undefined> {
  const [first] = parts;
  if (!first || parts.some(({ fingerprint }) => fingerprint !== first.fingerprint)) return undefined;
  const size = parts.reduce((sum, part) => sum + part.size, 0);
  const opened = await job.source.open(item.path, job.signal, size);
  try {
    if (opened.fingerprint !== first.fingerprint) throw errors.sourceChanged(`${item.path} is another file than the parts are of.`);
    const sha256 = createHash("sha256");
    for (const part of parts) {
      const extent = { ...part, packId: part.id, wrappedDataKey: part.wrappedDataKey.toString("base64"), offset: 0, length: part.size };
      for await (const bytes of readExtent(extent, job.keys, job.store)) sha256.update(bytes);
      job.signal?.throwIfAborted();
    }
    return { opened, sha256, parts: parts.length, size };
  } catch (error) {
    opened.close();
    job.signal?.throwIfAborted();
    if (/^VAULT_(DAMAGED|OBJECT_MISSING|KEY_UNUSABLE)$|^SOURCE_CHANGED$/.test(failureType(error))) return undefined;
    throw error;
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
    // Also when it fails nothing is under way afterwards: the arena may then be used by others.
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
    if (job.strict) refuseChanged(item, opened);
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
    const verified = opened.verify();
    if (verified) await verified;
    return { item, opened, at, size };
  } finally {
    opened.close();
  }
}

function refuseChanged({ path, fingerprint }: FetchItem, opened: Opened): void {
  if (opened.fingerprint !== fingerprint) throw errors.planStale(`${path} has changed since the plan was made that was approved.`);
}

function pulledItem({ item, opened, size }: FileRead, sha256: Buffer, keys: TenantKeys): PulledItem {
  const id = contentId(keys, sha256);
  const { modifiedAt, fingerprint } = opened;
  const checksum = maskChecksum(keys, id, sha256);
  const place = { offset: null, stored: size, encoding: encodings.plain };
  return { path: item.path, size, modifiedAt, fingerprint, contentId: id, checksum, ...place, deduplicated: true };
}

/** The first item of every content that the tenant does not have yet; it is marked so. */
async function unknown(job: Pull, items: PulledItem[]): Promise<Set<PulledItem>> {
  const firsts = new Map<string, PulledItem>();
  for (const item of items) {
    if (!firsts.has(item.contentId)) firsts.set(item.contentId, item);
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
