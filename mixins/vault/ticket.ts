import { Readable } from "node:stream";
import { errors } from "../../config/errors.ts";
import { begun } from "../begun.ts";
import { decode, encodings, type Encoding } from "./encoding.ts";
import { openDataKey, openTenantKey, type KeyManager, type SealingKeys } from "./keys.ts";
import { openRange, sealedRange } from "./open.ts";
import { storageKey, type Store } from "./store.ts";

/** A stretch of a blob: where it lies in a pack. Travels over NATS, hence JSON: keys are base64. */
export interface Extent {
  packId: string;
  chunkSize: number;
  /** Bytes of the whole pack before sealing. */
  plainSize: number;
  tenantKeyId: string;
  wrappedDataKey: string;
  /** Place in the pack, plaintext bytes. */
  offset: number;
  /** Bytes there. */
  stored: number;
  encoding: Encoding;
  /** Bytes of the blob. */
  length: number;
}

/** A tenant's key as a ticket carries it. */
export interface WrappedTenantKey {
  keyId: string;
  masterKeyId: string;
  wrapped: string;
}

/** All that is needed to read a blob, keys wrapped: useless without the key manager. */
export interface Ticket {
  tenantId: string;
  /** Those that the extents' data keys are wrapped by. */
  keys: WrappedTenantKey[];
  /** Bytes of the whole blob. */
  length: number;
  /** Where in the blob the first extent begins; a blob of thousands of parts takes several tickets. */
  from: number;
  extents: Extent[];
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

/** Asks for the ticket that goes on at a place of the blob. */
export type NextTicket = (from: number) => Promise<Ticket>;

/** Where a ticket's extents end in the blob. */
export const coveredTo = (ticket: Ticket): number => ticket.extents.reduce((end, { length }) => end + length, ticket.from);

/**
 * Opens a blob or a part of it. Resolves when the first bytes are decrypted and verified, so that a missing object or a wrong key
 * is known before an HTTP status is sent; damage further on destroys the stream before a false byte leaves it.
 * @param next needed when the range may reach beyond the ticket's extents
 * @throws VAULT_KEY_UNUSABLE, VAULT_OBJECT_MISSING, VAULT_DAMAGED, VAULT_UNREACHABLE, RANGE_NOT_SATISFIABLE.
 */
export async function readTicket(
  ticket: Ticket,
  vault: Vault,
  range: Range = { start: 0, end: ticket.length },
  next?: NextTicket,
): Promise<Readable> {
  if (range.start < 0 || range.end > ticket.length || range.start > range.end) {
    throw errors.rangeNotSatisfiable(`Bytes ${range.start} to ${range.end} were asked of a blob of ${ticket.length} bytes.`);
  }
  const plain = plainBytes(ticket, vault, range, next);
  const first = await plain.next();
  return Readable.from(begun(first, plain), { objectMode: false, highWaterMark: 256 * 1024 });
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

/** One extent, decoded: bytes [start, end) of it. */
export async function* readExtent(extent: Extent, keys: SealingKeys, store: Store, start = 0, end = extent.length): AsyncGenerator<Buffer> {
  const dataKey = openDataKey(keys, extent.packId, Buffer.from(extent.wrappedDataKey, "base64"));
  const key = storageKey(keys.tenantId, extent.packId);
  const sealed = async (offset: number, length: number) => {
    const range = sealedRange(extent, offset, length);
    return openRange(extent, dataKey, offset, length, await store.open(key, range.start, range.end));
  };
  if (extent.encoding === encodings.plain) return yield* await sealed(extent.offset + start, end - start);
  const parts: Buffer[] = [];
  for await (const part of await sealed(extent.offset, extent.stored)) parts.push(part);
  yield decode(extent.encoding, parts.length === 1 ? parts[0]! : Buffer.concat(parts), extent.length).subarray(start, end);
}

async function* plainBytes(ticket: Ticket, vault: Vault, range: Range, next: NextTicket | undefined): AsyncGenerator<Buffer, void, void> {
  const opened = new Map<string, SealingKeys>();
  let current = ticket;
  let at = current.from;
  let extents = current.extents.values();
  while (at < range.end || at === range.start) {
    const { value: extent } = extents.next();
    if (!extent) {
      if (at >= range.end) return;
      if (!next) throw errors.internal(`The ticket ends at byte ${at}; bytes up to ${range.end} were asked.`);
      current = await next(at);
      if (current.from > at || coveredTo(current) <= at) throw errors.vaultMissing(`The vault has no bytes from ${at} on of this blob.`);
      at = current.from;
      extents = current.extents.values();
      continue;
    }
    const start = Math.max(0, range.start - at);
    const end = Math.min(extent.length, range.end - at);
    // An empty blob has its pack opened too: that it is there and sound is part of the answer.
    if (start < end || (extent.length === 0 && range.end === 0))
      yield* readExtent(extent, await tenantKeys(current, extent, vault, opened), vault.store, start, end);
    at += extent.length;
    if (!extent.length) return;
  }
}

async function tenantKeys(ticket: Ticket, { tenantKeyId }: Extent, vault: Vault, opened: Map<string, SealingKeys>): Promise<SealingKeys> {
  const known = opened.get(tenantKeyId);
  if (known) return known;
  const record = ticket.keys.find(({ keyId }) => keyId === tenantKeyId);
  if (!record) throw errors.vaultKey("The ticket does not hold the tenant key of its blob.");
  const { keyId, masterKeyId, wrapped } = record;
  const keys = await openTenantKey(vault.keys, ticket.tenantId, { keyId, masterKeyId, wrapped: Buffer.from(wrapped, "base64") });
  opened.set(tenantKeyId, keys);
  return keys;
}
