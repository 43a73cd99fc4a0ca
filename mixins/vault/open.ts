import { createDecipheriv, type KeyObject } from "node:crypto";
import { errors, messageOf } from "../../config/errors.ts";
import { chunkContext, chunkCount, header, HEADER, sealedSize, TAG, type PackIdentity } from "./seal.ts";

/** What is known of a pack before it is opened; from the catalogue, never from the object itself. */
export interface PackLayout extends PackIdentity {
  plainSize: number;
}

export interface SealedRange {
  /** Bytes of the object, `end` exclusive. */
  start: number;
  end: number;
  firstChunk: number;
  lastChunk: number;
}

/** Which bytes of the object hold the plaintext [offset, offset + length); the header comes along with the first chunk. */
export function sealedRange(pack: PackLayout, offset: number, length: number): SealedRange {
  if (offset < 0 || length < 0 || offset + length > pack.plainSize) {
    throw errors.vaultDamaged(`Bytes ${offset}–${offset + length} were asked of pack ${pack.packId}, which has ${pack.plainSize}.`);
  }
  const sealedChunk = pack.chunkSize + TAG;
  const last = chunkCount(pack.plainSize, pack.chunkSize) - 1;
  const firstChunk = Math.min(last, Math.floor(offset / pack.chunkSize));
  const lastChunk = Math.max(firstChunk, Math.floor((offset + length - 1) / pack.chunkSize));
  const start = firstChunk === 0 ? 0 : HEADER + firstChunk * sealedChunk;
  return {
    start,
    end: Math.min(sealedSize(pack.plainSize, pack.chunkSize), HEADER + (lastChunk + 1) * sealedChunk),
    firstChunk,
    lastChunk,
  };
}

/**
 * Decrypts plaintext [offset, offset + length). `sealed` streams exactly the object's bytes of `sealedRange`.
 * Every chunk is verified before a byte of it is yielded.
 * @throws VAULT_DAMAGED when a chunk was altered, moved, exchanged or is missing.
 */
export async function* openRange(
  pack: PackLayout,
  dataKey: KeyObject,
  offset: number,
  length: number,
  sealed: AsyncIterable<Uint8Array>,
): AsyncGenerator<Buffer, void> {
  const range = sealedRange(pack, offset, length);
  const context = chunkContext(pack);
  const last = chunkCount(pack.plainSize, pack.chunkSize) - 1;
  const damaged = (what: string, cause?: unknown) => errors.vaultDamaged(`Pack ${pack.packId} is damaged: ${what}.`, undefined, cause);
  const pieces = exactly(sealed, (missing) => damaged(`its object ends ${missing} bytes early`));

  try {
    if (range.start === 0) {
      const found = await pieces.take(HEADER);
      if (!found.equals(header(pack))) throw damaged("its header is not that of a version 1 pack with this id and chunk size");
    }
    for (let index = range.firstChunk; index <= range.lastChunk; index++) {
      const begin = index * pack.chunkSize;
      const size = Math.min(pack.chunkSize, pack.plainSize - begin);
      const chunk = await pieces.take(size + TAG);
      const { nonce, aad } = context(index, index === last);
      const decipher = createDecipheriv("aes-256-gcm", dataKey, nonce, { authTagLength: TAG }).setAAD(aad);
      decipher.setAuthTag(chunk.subarray(size));
      const plain = decipher.update(chunk.subarray(0, size));
      try {
        decipher.final();
      } catch (cause) {
        throw damaged(`chunk ${index} of ${last + 1} does not verify`, cause);
      }
      const part = plain.subarray(Math.max(0, offset - begin), Math.min(size, offset + length - begin));
      if (part.length) yield part;
    }
  } finally {
    await pieces.end();
  }
}

/** Cuts a stream into pieces of the sizes asked for. A piece that came in one buffer is not copied. */
function exactly(source: AsyncIterable<Uint8Array>, short: (missing: number) => Error) {
  const iterator = source[Symbol.asyncIterator]();
  let rest: Buffer = Buffer.alloc(0);
  return {
    async take(size: number): Promise<Buffer> {
      const parts: Buffer[] = [];
      let wanted = size;
      while (wanted > 0) {
        if (!rest.length) {
          const next = await iterator.next().catch((cause: unknown) => {
            throw errors.vaultUnreachable(`Reading the vault broke off: ${messageOf(cause)}.`, undefined, cause);
          });
          if (next.done) throw short(wanted);
          rest = Buffer.from(next.value.buffer, next.value.byteOffset, next.value.byteLength);
        }
        const part = rest.subarray(0, wanted);
        rest = rest.subarray(part.length);
        parts.push(part);
        wanted -= part.length;
      }
      return parts.length === 1 ? parts[0]! : Buffer.concat(parts, size);
    },
    /** Lets the stream go, also when only a part of it was wanted. */
    async end() {
      await iterator.return?.();
    },
  };
}
