/**
 * Goes on with an iteration whose first result was taken already, to see whether it begins well. Not a generator: one that is ended before it
 * was asked for anything never passes that on, and what `rest` holds open would stay open.
 */
export function begun<T>(first: IteratorResult<T, void>, rest: AsyncGenerator<T, void, void>): AsyncIterableIterator<T, void, void> {
  let taken = false;
  return {
    async next() {
      if (taken) return await rest.next();
      taken = true;
      return first;
    },
    async return() {
      taken = true;
      return await rest.return();
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
