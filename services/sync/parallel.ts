/**
 * Works through items, several at a time, in their order. After a failure nothing more is begun, and it is thrown when nothing is under way
 * any more: no lane goes on working behind the caller's back.
 * @param width items under way at the same time
 * @param enough asked before each item; once it is true nothing more is begun
 */
export async function inParallel<T>(
  items: Iterable<T>,
  width: number,
  work: (item: T) => Promise<void>,
  enough: () => boolean | Promise<boolean> = () => false,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let broken = false;
  const lane = async () => {
    for (let next = queue.next(); !next.done && !broken && !(await enough()); next = queue.next()) await work(next.value);
  };
  const lanes = Array.from({ length: width }, () =>
    lane().catch((error: unknown) => {
      broken = true;
      throw error;
    }),
  );
  for (const ended of await Promise.allSettled(lanes)) if (ended.status === "rejected") throw ended.reason;
}
