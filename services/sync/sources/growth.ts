import { setFlagsFromString } from "node:v8";

let set = false;

/**
 * Lets heaps grow to three times what lives in them before they are marked again. Bytes that come from a network are in new memory with each
 * read and count as the heap's: while 10,000 objects were read, a thread's small heap was marked 72 times, with this 9 times, which is half of
 * its CPU for 5 MiB of memory.
 */
export function letHeapGrow(): void {
  // V8 looks at it after each marking, in every thread of the process.
  if (!set) setFlagsFromString("--heap-growing-percent=200");
  set = true;
}
