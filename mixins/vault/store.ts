import type { Readable } from "node:stream";
import type { DirectoryOptions } from "./directory.ts";
import type { S3StoreOptions } from "./s3.ts";

/** An object being written. Nothing of it is visible under its key before `commit` has resolved. */
export interface Upload {
  /** Takes the buffers over, their memory too: the caller has them no more. Await what it returns: that is the back-pressure. */
  write(buffers: Uint8Array[]): void | Promise<void>;
  /** @throws VAULT_FULL, VAULT_UNREACHABLE, VAULT_DENIED; the upload is then aborted. */
  commit(): Promise<void>;
  /** Removes what was written; safe to call twice and after a failure. */
  abort(): Promise<void>;
}

export interface StoredObject {
  key: string;
  size: number;
  /** Milliseconds since 1970. */
  modifiedAt: number;
}

/** Where sealed objects are kept. It knows nothing of keys. Keys are relative paths of [A-Za-z0-9-/]. */
export interface Store {
  /** Starts an object. */
  create(key: string): Promise<Upload>;
  /**
   * Streams bytes [start, end) of an object.
   * @throws VAULT_OBJECT_MISSING, VAULT_DAMAGED when the object is shorter than `end` (by the stream), VAULT_UNREACHABLE.
   */
  open(key: string, start: number, end: number): Promise<Readable>;
  /**
   * Fills a buffer with an object's first bytes: for reading many objects whole without leaving memory behind.
   * @returns how many bytes there are, at most the buffer's
   * @throws VAULT_OBJECT_MISSING, VAULT_DAMAGED when storage can't read them, VAULT_UNREACHABLE
   */
  fill(key: string, into: Buffer): Promise<number>;
  /** Removes an object; one that is not there counts as removed. */
  remove(key: string): Promise<void>;
  /** Every object under a prefix, in no particular order; unfinished uploads are not listed. */
  list(prefix: string): AsyncIterable<StoredObject[]>;
  /** Resolves when objects can be written here. @throws VAULT_UNREACHABLE, VAULT_DENIED, VAULT_OBJECT_MISSING (no bucket). */
  check(): Promise<void>;
  close(): Promise<void>;
}

/** What a store is opened with; plain data, so that worker threads open their own. */
export interface StoreOptions extends DirectoryOptions, S3StoreOptions {
  /** file:///folder or s3://bucket/prefix. */
  url: string;
}

/** Where a pack lies: a folder per tenant, fanned out over 256 by the pack id (a random UUID). */
export const storageKey = (tenantId: string, packId: string): string => `${tenantId}/${packId.slice(0, 2)}/${packId}`;

/** Opens the store that VAULT_URL names. @throws VAULT_DENIED… for another scheme. */
export async function openStore(options: StoreOptions): Promise<Store> {
  const url = new URL(options.url);
  if (url.protocol === "file:") return (await import("./directory.ts")).directoryStore(url, options);
  if (url.protocol === "s3:") return (await import("./s3.ts")).s3Store(url, options);
  throw new Error(`VAULT_URL must start with file:// or s3://; it starts with ${url.protocol}//.`);
}
