import { comparePaths } from "./order.ts";
import { Scratch } from "./scratch.ts";

/** Characters of records that are held in memory, with what keeping each costs beside them; fifty thousand names. */
const MOST = 4 * 2 ** 20;
const KEEPING = 40;

/** Records in order, already written. */
interface Run {
  records: Iterator<string>;
  /** The first that was not taken yet. */
  next: string;
}

/**
 * Puts any number of texts in the order of their UTF-8 bytes. What does not fit into memory is put in order piece by piece, written to the
 * disk and merged from there.
 */
export class Sorting {
  private readonly most: number;
  private held: string[] = [];
  private weight = 0;
  private compare: ((a: string, b: string) => number) | undefined;
  private scratch: Scratch | undefined;
  private readonly runs: { from: number; to: number }[] = [];

  /** @param most characters that are held, see above */
  constructor(most = MOST) {
    this.most = most;
  }

  /** @param record well-formed text. @throws SOURCE_UNREACHABLE when there is no room on the disk */
  add(record: string): void {
    this.held.push(record);
    this.weight += record.length + KEEPING;
    if (this.weight >= this.most) this.spill();
  }

  /** All of them, once; closes at their end. */
  inOrder(): IterableIterator<string> {
    if (this.scratch) return this.fromDisk(this.scratch);
    this.orderHeld();
    return this.held.values();
  }

  close(): void {
    this.scratch?.close();
    this.scratch = undefined;
  }

  private *fromDisk(scratch: Scratch): Generator<string> {
    try {
      this.spill();
      yield* merged(this.begun(scratch), this.compare ?? byUnits);
    } finally {
      this.close();
    }
  }

  private orderHeld(): void {
    // The engine's own comparison is faster and differs only where there are surrogates.
    if (!this.compare && this.held.some(hasSurrogate)) this.compare = comparePaths;
    this.held.sort(this.compare);
  }

  private spill(): void {
    this.orderHeld();
    this.scratch ??= new Scratch();
    const from = this.scratch.end;
    for (const record of this.held) this.scratch.append(record);
    this.runs.push({ from, to: this.scratch.end });
    this.held = [];
    this.weight = 0;
  }

  private begun(scratch: Scratch): Run[] {
    return this.runs.flatMap(({ from, to }) => {
      const records = scratch.records(from, to);
      const first = records.next();
      return first.done ? [] : [{ records, next: first.value }];
    });
  }
}

const hasSurrogate = (text: string) => /[\ud800-\udfff]/.test(text);
const byUnits = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** There are a few dozen runs: they are kept in the order of what comes next of each. */
function* merged(runs: Run[], compare: (a: string, b: string) => number): Generator<string> {
  runs.sort((a, b) => compare(a.next, b.next));
  for (let run = runs[0]; run; run = runs[0]) {
    yield run.next;
    const step = run.records.next();
    if (step.done) {
      runs.shift();
      continue;
    }
    run.next = step.value;
    let [low, high] = [1, runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (compare(runs[middle]!.next, run.next) < 0) low = middle + 1;
      else high = middle;
    }
    runs.copyWithin(0, 1, low);
    runs[low - 1] = run;
  }
}
