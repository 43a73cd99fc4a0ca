import { errors } from "../../../config/errors.ts";
import type { Writing } from "./source.ts";

/**
 * The bytes of a writing, for a destination to send on: as many as it says, or an error before the last of them is taken for the end.
 * An aborted signal ends the wait for bytes that do not come.
 * @throws SOURCE_CHANGED when there are more or fewer; the signal's reason; whatever `writing.bytes` throws
 */
export async function* measured({ path, size, bytes }: Writing, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  signal?.throwIfAborted();
  const left = Promise.withResolvers<never>();
  left.promise.catch(() => {});
  const leave = () => left.reject(signal!.reason as Error);
  signal?.addEventListener("abort", leave, { once: true });
  const iterator = bytes[Symbol.asyncIterator]();
  let came = 0;
  let ended = false;
  try {
    for (;;) {
      const step = await Promise.race([iterator.next(), left.promise]);
      ended = step.done === true;
      if (step.done) break;
      came += step.value.byteLength;
      if (came > size) break;
      if (step.value.byteLength) yield step.value;
    }
    if (came !== size) {
      throw errors.sourceChanged(`${path} was to have ${size} bytes; ${came > size ? `${came} or more` : came} came.`);
    }
  } finally {
    signal?.removeEventListener("abort", leave);
    // Not awaited: an iterator that has stalled answers nothing any more.
    if (!ended) void iterator.return?.()?.catch(() => {});
  }
}
