import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

// V8 looks at it after each marking, in every thread of the process.
const growing = (percent: number) => setFlagsFromString(`--heap-growing-percent=${percent}`);

/**
 * Lets heaps grow to twice what lives in them before they are marked again. Bytes that come from a network are in new memory with each read and
 * count as the heap's: while 10,000 objects were read, a thread's small heap was marked 72 times, which was half of its CPU. Only for works:
 * the price is tens of MiB of such bytes in each thread that nobody needs any more. At three times it would be 70 MiB more for nothing, at
 * 1.6 times a tenth slower.
 */
export const letHeapGrow = () => growing(100);

/** As V8 has it by itself: by a third, or by 8 MiB. The main thread has much that lives, and a listing reads little. */
export const keepHeapSmall = () => growing(0);

/**
 * Frees all that this thread does not need; takes some 100 ms. V8 looks for garbage only when more memory is wanted: a thread that has nothing
 * to do would keep what it has for ever.
 */
export function collectGarbage(): void {
  // Not taken back: the flag is the process's, and another thread may be about to make its context.
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as NonNullable<typeof gc>;
  collect({ type: "major", execution: "sync", flavor: "last-resort" });
}
