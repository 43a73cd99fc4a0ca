import { createCipheriv, type KeyObject } from "node:crypto";
import { free } from "./memory.ts";

/**
 * Format of a sealed pack, version 1. A header of 32 bytes, then chunks, each of `chunkSize` plaintext bytes (the last one of
 * what is left, an empty pack has one empty chunk) sealed by AES-256-GCM and followed by its tag of 16 bytes.
 *
 *   header  8 bytes "LEGENDOV" | 1 version | 3 zero | 4 chunk size, big-endian | 16 pack id
 *   nonce   4 zero | 8 chunk index, big-endian: a data key seals exactly one pack, once, so the counter never repeats
 *   AAD     header | 8 chunk index | 1 "this is the last chunk"
 *
 * So a chunk opens only in its pack, at its place, and a pack can't be cut or continued unnoticed.
 */
export const HEADER = 32;
export const TAG = 16;
const MAGIC = "LEGENDOV";
const VERSION = 1;

/** Packs of many small assets: a thumbnail's read decrypts little more than the thumbnail. */
export const SMALL_CHUNK = 64 * 1024;
/** Large blobs: cipher set-up and tags cost next to nothing. */
export const LARGE_CHUNK = 1024 * 1024;

/** Every update answers new memory: for blocks of 128 KiB and more the allocator maps and unmaps pages each time. */
const PIECE = 64 * 1024;

export interface PackIdentity {
  packId: string;
  chunkSize: number;
}

export function header({ packId, chunkSize }: PackIdentity): Buffer {
  const bytes = Buffer.alloc(HEADER);
  bytes.write(MAGIC, 0, "latin1");
  bytes[8] = VERSION;
  bytes.writeUInt32BE(chunkSize, 12);
  bytes.write(packId.replaceAll("-", ""), 16, "hex");
  return bytes;
}

/** Nonce and associated data of the chunks of one pack; each call overwrites what the last one gave. */
export function chunkContext(identity: PackIdentity): (index: number, last: boolean) => { nonce: Buffer; aad: Buffer } {
  const nonce = Buffer.alloc(12);
  const aad = Buffer.alloc(HEADER + 9);
  header(identity).copy(aad);
  return (index, last) => {
    nonce.writeBigUInt64BE(BigInt(index), 4);
    nonce.copy(aad, HEADER, 4);
    aad[HEADER + 8] = last ? 1 : 0;
    return { nonce, aad };
  };
}

export const chunkCount = (plainSize: number, chunkSize: number): number => Math.max(1, Math.ceil(plainSize / chunkSize));
export const sealedSize = (plainSize: number, chunkSize: number): number => HEADER + plainSize + TAG * chunkCount(plainSize, chunkSize);

/** Seals a pack piece by piece. Every call answers what is ready to be written, in order. */
export class Sealer {
  readonly #key: KeyObject;
  readonly #chunkSize: number;
  readonly #context: ReturnType<typeof chunkContext>;
  readonly #pending: Buffer;
  #pendingLength = 0;
  #index = 0;
  #ready: Buffer[];
  /** Plaintext bytes taken and sealed bytes answered so far. */
  plainSize = 0;
  sealedSize = HEADER;

  constructor(key: KeyObject, identity: PackIdentity) {
    this.#key = key;
    this.#chunkSize = identity.chunkSize;
    this.#context = chunkContext(identity);
    this.#pending = Buffer.allocUnsafeSlow(identity.chunkSize);
    this.#ready = [header(identity)];
  }

  /** Whoever calls may reuse `plain` afterwards. */
  update(plain: Uint8Array): Buffer[] {
    this.plainSize += plain.length;
    let at = 0;
    // A full chunk is held back until more comes: only then is it known not to be the last.
    while (this.#pendingLength + plain.length - at > this.#chunkSize) {
      if (this.#pendingLength === 0) {
        this.#seal(plain.subarray(at, at + this.#chunkSize), false);
        at += this.#chunkSize;
      } else {
        const wanted = this.#chunkSize - this.#pendingLength;
        this.#pending.set(plain.subarray(at, at + wanted), this.#pendingLength);
        at += wanted;
        this.#seal(this.#pending, false);
        this.#pendingLength = 0;
      }
    }
    this.#pending.set(plain.subarray(at), this.#pendingLength);
    this.#pendingLength += plain.length - at;
    return this.#take();
  }

  final(): Buffer[] {
    this.#seal(this.#pending.subarray(0, this.#pendingLength), true);
    free(this.#pending);
    return this.#take();
  }

  #seal(chunk: Uint8Array, last: boolean): void {
    const { nonce, aad } = this.#context(this.#index++, last);
    const cipher = createCipheriv("aes-256-gcm", this.#key, nonce, { authTagLength: TAG }).setAAD(aad);
    for (let at = 0; at < chunk.length; at += PIECE) this.#ready.push(cipher.update(chunk.subarray(at, at + PIECE)));
    cipher.final();
    this.#ready.push(cipher.getAuthTag());
    this.sealedSize += chunk.length + TAG;
  }

  #take(): Buffer[] {
    const ready = this.#ready;
    this.#ready = [];
    return ready;
  }
}
