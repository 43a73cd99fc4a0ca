import { createHash } from "node:crypto";
import { mkdirSync, utimesSync, writeFileSync, openSync, writeSync, closeSync } from "node:fs";
import { dirname, join } from "node:path";

/** Sizes of the corpora; `quick` is for the smoke spec. */
export const sizes = {
  full: { small: 20_000, large: { count: 8, mebibytes: 256 }, tiny: 100_000 },
  quick: { small: 300, large: { count: 2, mebibytes: 9 }, tiny: 500 },
} as const;
export type Sizes = (typeof sizes)[keyof typeof sizes];

/** A generator of numbers below 2^32, the same for the same seed (mulberry32). */
function random(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
}

const words = "alpha bravo charlie delta echo foxtrot golf hotel india juliet kilo lima mike november oscar papa".split(" ");

/** Bytes that look like text or like a picture: half of the small files are compressible, half are not. */
function bytes(size: number, seed: number, text: boolean): Buffer {
  const next = random(seed);
  if (text) {
    let content = "";
    while (content.length < size) content += `${words[next() % words.length]},${next() % 10_000}\n`;
    return Buffer.from(content.slice(0, size), "latin1");
  }
  const noise = Buffer.allocUnsafe(size + 4);
  for (let i = 0; i < size; i += 4) noise.writeUInt32LE(next(), i);
  return noise.subarray(0, size);
}

function put(path: string, content: Buffer): void {
  writeFileSync(path, content);
  // Fixed times: a corpus made a moment ago would be read again by tools that distrust fresh files.
  utimesSync(path, 1_700_000_000, 1_700_000_000);
}

/** Files of 2–64 KiB, 5 % of them equal to an earlier one, names of several scripts. */
export function smallFiles(root: string, count: number): void {
  const next = random(1);
  const names = ["report", "sales + returns", "Übersicht", "отчёт", "photo"];
  let before = bytes(3000, 0, true);
  for (let i = 0; i < count; i++) {
    const folder = join(root, `d${i % 21}`, `s${(i >> 5) % 21}`);
    if (i < 21 * 21 * 32) mkdirSync(folder, { recursive: true });
    const content = i % 20 === 19 ? before : bytes(2048 + (next() % (54 * 1024)), i + 7, i % 2 === 0);
    before = content;
    put(join(folder, `${names[i % names.length]} ${i}.${i % 2 ? "jpg" : "csv"}`), content);
  }
}

/** A few files far larger than a batch. */
export function largeFiles(root: string, { count, mebibytes }: Sizes["large"]): void {
  for (let i = 0; i < count; i++) {
    const path = join(root, `large ${i}.bin`);
    mkdirSync(dirname(path), { recursive: true });
    const block = bytes(2 ** 20, i + 99, i % 2 === 0);
    const file = openSync(path, "w");
    for (let mebibyte = 0; mebibyte < mebibytes; mebibyte++) {
      // Each block is unlike the others, or chunk-wise deduplication would store one.
      createHash("sha256").update(`${i} ${mebibyte}`).digest().copy(block);
      writeSync(file, block);
    }
    closeSync(file);
    utimesSync(path, 1_700_000_000, 1_700_000_000);
  }
}

/** Very many files of 64 bytes: what a run costs that finds nothing to do. */
export function tinyFiles(root: string, count: number): void {
  for (let i = 0; i < count; i++) {
    const folder = join(root, `d${i % 250}`);
    if (i < 250) mkdirSync(folder, { recursive: true });
    put(join(folder, `${i}.txt`), bytes(64, i, false));
  }
}
