/** Smaller buffers are left to the collector. */
const FREED = 4096;

/**
 * Gives the memory of a buffer that nobody needs any more back at once. It lies outside the heap, so the collector comes for it only after
 * some 60 MB of it, in every thread, and then marks the whole heap. A view of something larger is left alone.
 */
export function free({ buffer, byteLength }: Uint8Array): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength && byteLength >= FREED) buffer.transfer(0);
}
