import { constants, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { errors } from "../../config/errors.ts";

/** How a blob's bytes lie in their pack: as they are, or as one zstd frame (RFC 8878). */
export const encodings = { plain: 0, zstd: 1 } as const;
export type Encoding = (typeof encodings)[keyof typeof encodings];

/** Below this nothing is gained that would pay for a second step at every reading. */
const smallest = 512;
/** Compressed content has to be this much smaller. */
const worth = 0.9;
/** Bytes that are looked at to tell whether the rest may be compressible. */
const sample = 4096;
/** Bits per byte of the sample: random or compressed bytes have 7.9 and more, text and tables 4 to 6, executables about 6. */
const densest = 7.4;

/** Compressed by their format: not even looked at. */
const dense =
  /\.(?:7z|aac|avif|avi|br|bz2|docx|epub|flac|gif|gz|heic|heif|jar|jpe?g|jxl|lz4|m4a|m4v|mkv|mov|mp3|mp4|mpe?g|ods|odt|ogg|opus|pdf|png|pptx|rar|t[gx]z|webm|webp|wma|wmv|woff2?|xlsx|xz|zip|zst)$/i;

/**
 * Compresses bytes where it pays.
 * @param path whose ending may say that it can't
 * @returns the bytes themselves (encoding 0) or a new buffer
 */
export function encode(bytes: Buffer, path: string): { encoding: Encoding; stored: Buffer } {
  if (bytes.length < smallest || dense.test(path) || entropy(bytes) > densest) return { encoding: encodings.plain, stored: bytes };
  const stored = zstdCompressSync(bytes, options);
  return stored.length < bytes.length * worth ? { encoding: encodings.zstd, stored } : { encoding: encodings.plain, stored: bytes };
}

// Level 1: three to four times the speed of level 3, for some percent of size.
const options = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };

/** @param size of the content, bytes @throws VAULT_DAMAGED when what is stored does not decode to that */
export function decode(encoding: Encoding, stored: Buffer, size: number): Buffer {
  if (encoding === encodings.plain) return stored;
  let bytes: Buffer;
  try {
    bytes = zstdDecompressSync(stored, { maxOutputLength: Math.max(1, size) });
  } catch (cause) {
    throw errors.vaultDamaged("A compressed blob does not decompress.", undefined, cause);
  }
  if (bytes.length !== size) throw errors.vaultDamaged(`A compressed blob has ${bytes.length} bytes; ${size} were stored.`);
  return bytes;
}

const counts = new Uint32Array(256);

/** Shannon entropy of a sample from the middle, bits per byte. */
function entropy(bytes: Buffer): number {
  const from = Math.max(0, (bytes.length - sample) >> 1);
  const to = Math.min(bytes.length, from + sample);
  counts.fill(0);
  for (let i = from; i < to; i++) counts[bytes[i]!]!++;
  let bits = 0;
  for (const count of counts) if (count) bits -= count * Math.log2(count / (to - from));
  return bits / (to - from);
}
