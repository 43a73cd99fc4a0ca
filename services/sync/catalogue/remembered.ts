import { LRUCache } from "lru-cache";

const freshMs = 60_000;
const usableMs = 10 * 60_000;

/**
 * Remembers what is slow to add up. An answer is at most ten minutes old; one older than a minute has the next one added up behind it. Whoever
 * asks while that goes on waits for it, or gets the one before: it is done once at a time per key.
 */
export class Remembered<T extends { at: string }> {
  private readonly cache: LRUCache<string, T>;

  constructor(compute: (key: string) => Promise<T>) {
    this.cache = new LRUCache<string, T>({ max: 1_000, ttl: freshMs, allowStale: true, noDeleteOnStaleGet: true, fetchMethod: compute });
  }

  async of(key: string): Promise<T> {
    const known = this.cache.peek(key);
    const usable = known !== undefined && Date.now() - Date.parse(known.at) < usableMs;
    return await this.cache.forceFetch(key, { allowStale: usable });
  }
}
