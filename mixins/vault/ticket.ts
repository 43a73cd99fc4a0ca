import { Readable } from "node:stream";
import { errors } from "../../config/errors.ts";
import { openDataKey, openTenantKey, type KeyManager } from "./keys.ts";
import { openRange, sealedRange } from "./open.ts";
import type { Store } from "./store.ts";

/**
 * All that is needed to read one blob, keys wrapped: useless without the key ring. Travels over NATS, hence JSON:
 * bytes are base64. `offset` and `length` count plaintext bytes of the pack, `plainSize` is the pack's.
 */
export interface Ticket {
  tenantId: string;
  packId: string;
  storageKey: string;
  chunkSize: number;
  plainSize: number;
  wrappedDataKey: string;
  tenantKeyId: string;
  wrappedTenantKey: string;
  masterKeyId: string;
  offset: number;
  length: number;
}

/** Part of a blob, in bytes of the blob: `end` is exclusive. */
export interface Range {
  start: number;
  end: number;
}

export interface Vault {
  keys: KeyManager;
  store: Store;
}

/**
 * Opens a blob or a part of it. Resolves when the first bytes are decrypted and verified, so that a missing object or a wrong key
 * is known before an HTTP status is sent; damage further on destroys the stream before a false byte leaves it.
 * @throws VAULT_KEY_UNUSABLE, VAULT_OBJECT_MISSING, VAULT_DAMAGED, VAULT_UNREACHABLE, RANGE_NOT_SATISFIABLE.
 */
export async function readTicket(ticket: Ticket, vault: Vault, range: Range = { start: 0, end: ticket.length }): Promise<Readable> {
  if (range.start < 0 || range.end > ticket.length || range.start > range.end) {
    throw errors.rangeNotSatisfiable(`Bytes ${range.start} to ${range.end} were asked of a blob of ${ticket.length} bytes.`);
  }
  const tenantKey = {
    keyId: ticket.tenantKeyId,
    masterKeyId: ticket.masterKeyId,
    wrapped: Buffer.from(ticket.wrappedTenantKey, "base64"),
  };
  const keys = await openTenantKey(vault.keys, ticket.tenantId, tenantKey);
  const dataKey = openDataKey(keys, ticket.packId, Buffer.from(ticket.wrappedDataKey, "base64"));
  const offset = ticket.offset + range.start;
  const length = range.end - range.start;
  const { start, end } = sealedRange(ticket, offset, length);
  const plain = openRange(ticket, dataKey, offset, length, await vault.store.open(ticket.storageKey, start, end));
  const first = await plain.next();
  return Readable.from(resume(first, plain), { objectMode: false, highWaterMark: 256 * 1024 });
}

async function* resume(first: IteratorResult<Buffer, void>, rest: AsyncGenerator<Buffer, void>): AsyncGenerator<Buffer> {
  if (!first.done) yield first.value;
  yield* rest;
}

/**
 * Reads a whole blob of at most `limit` bytes.
 * @throws as `readTicket`; VAULT_BLOB_TOO_LARGE, before anything is read.
 */
export async function readWhole(ticket: Ticket, vault: Vault, limit: number): Promise<Buffer> {
  if (ticket.length > limit) throw errors.vaultTooLarge(`The blob has ${ticket.length} bytes; at most ${limit} are read whole.`);
  const whole = Buffer.allocUnsafe(ticket.length);
  let at = 0;
  for await (const part of (await readTicket(ticket, vault)) as AsyncIterable<Buffer>) at += part.copy(whole, at);
  return whole;
}
