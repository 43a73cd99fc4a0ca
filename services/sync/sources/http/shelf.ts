import { comparePaths } from "../order.ts";
import { Scratch } from "../scratch.ts";

/** Records that stand together: of each such block its first path is held in memory. */
const BLOCK = 256;
/** Characters of records up to which all of them are held in memory. */
const MOST = 4 * 2 ** 20;

interface Block {
  /** Path of its first record. */
  first: string;
  /** Its records, or where they are on the disk. */
  at: string[] | { from: number; to: number };
}

/** Ends the path at a record's beginning; no path holds it. */
export const END = "\0";
export const pathIn = (record: string): string => record.slice(0, record.indexOf(END));

/**
 * Records in the order of the paths that they begin with, to be read from any of them: few in memory, many on the disk. It is used until it is
 * retired and nobody reads it any more.
 */
export class Shelf {
  private readonly most: number;
  private readonly blocks: Block[] = [];
  private open: string[] = [];
  private weight = 0;
  private scratch: Scratch | undefined;
  private readers = 0;
  private retired = false;

  /** @param most characters of records that are held in memory */
  constructor(most = MOST) {
    this.most = most;
  }

  /** Call `end` after the last. @param record path, END, and what there is to say of it; after all that were added before */
  add(record: string): void {
    this.open.push(record);
    this.weight += record.length;
    if (this.open.length === BLOCK) this.end();
  }

  end(): void {
    const [first] = this.open;
    if (first !== undefined) this.blocks.push({ first: pathIn(first), at: this.open });
    this.open = [];
    if (this.weight < this.most) return;
    this.scratch ??= new Scratch();
    for (const block of this.blocks.slice(this.blocks.findLastIndex(({ at }) => !Array.isArray(at)) + 1)) {
      const from = this.scratch.end;
      for (const record of block.at as string[]) this.scratch.append(record);
      block.at = { from, to: this.scratch.end };
    }
  }

  /** The record of a path. */
  find(path: string): string | undefined {
    const block = this.blocks[this.blockOf(path)];
    if (!block) return undefined;
    const start = path + END;
    for (const record of this.recordsOf(block)) if (record.startsWith(start)) return record;
    return undefined;
  }

  /** The records whose paths come after one. */
  *after(path: string): Generator<string> {
    this.readers++;
    try {
      for (let i = Math.max(this.blockOf(path), 0); i < this.blocks.length; i++)
        for (const record of this.recordsOf(this.blocks[i]!)) if (!path || comparePaths(pathIn(record), path) > 0) yield record;
    } finally {
      this.readers--;
      if (this.retired) this.retire();
    }
  }

  /** Lets go of what is on the disk as soon as nobody reads it. */
  retire(): void {
    this.retired = true;
    if (this.readers) return;
    this.scratch?.close();
    this.scratch = undefined;
  }

  private recordsOf({ at }: Block): Iterable<string> {
    return Array.isArray(at) ? at : this.scratch!.records(at.from, at.to);
  }

  /** The last block that does not begin after a path; -1 when all do. */
  private blockOf(path: string): number {
    let [low, high] = [0, this.blocks.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (comparePaths(this.blocks[middle]!.first, path) <= 0) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}
