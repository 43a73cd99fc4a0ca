import { createDecipheriv, type KeyObject } from "node:crypto";
import type { PackLayout } from "./open.ts";
import { chunkContext, chunkCount, header, HEADER, TAG } from "./seal.ts";

export interface WholePack {
  /** Whether the object begins with the header of this pack. */
  header: boolean;
  chunks: number;
  /** Indices of chunks that do not verify, or are not there whole, ascending. */
  bad: number[];
}

/** Plaintext that is decrypted at a time: from this size on the allocator would map and unmap pages for each. */
const PIECE = 128 * 1024;

/**
 * Opens a pack whose object lies in memory whole, and goes on after a chunk that does not verify: where `openRange` refuses, this tells what
 * is left.
 * @param sealed the object's bytes; may be too short
 * @param into takes the plaintext, chunk by chunk at its place; may be `sealed` itself. Where a chunk is bad, its bytes there mean nothing.
 * Left out, the chunks are only checked.
 */
export function openWhole(pack: PackLayout, dataKey: KeyObject, sealed: Buffer, into?: Buffer): WholePack {
  const sound = sealed.length >= HEADER && sealed.subarray(0, HEADER).equals(header(pack));
  const context = chunkContext(pack);
  const chunks = chunkCount(pack.plainSize, pack.chunkSize);
  const bad: number[] = [];
  for (let index = 0; index < chunks; index++) {
    const begin = index * pack.chunkSize;
    const size = Math.min(pack.chunkSize, pack.plainSize - begin);
    const at = HEADER + index * (pack.chunkSize + TAG);
    if (sealed.length < at + size + TAG) {
      bad.push(index);
      continue;
    }
    const { nonce, aad } = context(index, index === chunks - 1);
    const decipher = createDecipheriv("aes-256-gcm", dataKey, nonce, { authTagLength: TAG }).setAAD(aad);
    decipher.setAuthTag(sealed.subarray(at + size, at + size + TAG));
    for (let done = 0; done < size; done += PIECE) {
      const plain = decipher.update(sealed.subarray(at + done, at + Math.min(size, done + PIECE)));
      // Never beyond what was read already, so that a pack may be opened in its own place.
      if (into) plain.copy(into, begin + done);
      // Given back at once: it lies outside the heap, where the collector comes late.
      if (plain.buffer instanceof ArrayBuffer && plain.buffer.byteLength === plain.byteLength) plain.buffer.transfer(0);
    }
    try {
      decipher.final();
    } catch {
      bad.push(index);
    }
  }
  return { header: sound, chunks, bad };
}
