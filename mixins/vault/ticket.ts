import type { Readable } from "node:stream";
import type { KeyManager } from "./keys.ts";
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
export declare function readTicket(ticket: Ticket, vault: Vault, range?: Range): Promise<Readable>;

/** Reads a whole blob of at most `limit` bytes. @throws as `readTicket`; SOURCE_ITEM_UNSUPPORTED… when it is larger. */
export declare function readWhole(ticket: Ticket, vault: Vault, limit: number): Promise<Buffer>;
