import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

/**
 * A Bloom filter of passwords that are in lists of stolen ones, for machines without internet. Four bytes: the number of hash functions; then the
 * bits. It never misses what is in it, and takes one of some two thousand others for one of them.
 */
export type Filter = Buffer;

const functions = 11;
const bitsPerEntry = 16;

/** What of a password may be in the list: all of it, and the word of letters that is left without what stands before and after it. */
export function entriesOf(password: string): string[] {
  const whole = password.normalize("NFC").toLowerCase();
  const core = whole.replace(/^[^\p{L}]+|[^\p{L}]+$/gu, "");
  return [`all ${whole}`, ...(core.length >= 5 && core !== whole ? [`core ${core}`] : [])];
}

export function makeFilter(entries: ReadonlySet<string>): Filter {
  const filter = Buffer.alloc(4 + Math.ceil((entries.size * bitsPerEntry) / 8));
  filter.writeUInt32BE(functions);
  for (const entry of entries) for (const bit of bitsOf(filter, entry)) filter[4 + (bit >> 3)]! |= 1 << (bit & 7);
  return filter;
}

export const inFilter = (filter: Filter, entry: string): boolean =>
  bitsOf(filter, entry).every((bit) => (filter[4 + (bit >> 3)]! & (1 << (bit & 7))) !== 0);

/** Double hashing: the i-th function is a + i·b. */
function bitsOf(filter: Filter, entry: string): number[] {
  const digest = createHash("sha256").update(entry).digest();
  const [a, b] = [digest.readUInt32BE(0), digest.readUInt32BE(4)];
  const bits = (filter.length - 4) * 8;
  return Array.from({ length: filter.readUInt32BE(0) }, (_, i) => (a + i * b) % bits);
}

let shipped: Filter | undefined;

/** Whether a password, or a common word with some digits and signs around it, is in the list that ships with the service. */
export function isBreached(password: string): boolean {
  const filter = (shipped ??= readFileSync(new URL("./breached.bloom", import.meta.url)));
  return entriesOf(password).some((entry) => inFilter(filter, entry));
}
