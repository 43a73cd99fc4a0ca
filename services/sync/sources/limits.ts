import { setTimeout as pause } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import type { Opened, Source } from "./source.ts";

/** What a place may be asked for at most. */
export interface Limits {
  bytesPerSecond?: number;
  /** Entries opened and pages listed. */
  requestsPerSecond?: number;
}

/**
 * What has been used of a place's limits: shared by all threads of a node, so that their jobs together keep to them. Per bucket the moment,
 * in microseconds of the machine's monotonic clock, up to which what was taken has used up the rate.
 */
export type Budget = SharedArrayBuffer;

/** How fast a place may be worked on: what crosses to a thread beside its spec. */
export interface Pace {
  limits: Limits;
  budget: Budget;
}

const buckets = { bytes: 0, requests: 1 } as const;

/** The budgets of a node, by place. Each node has its own: jobs of one place on n nodes may together use n times its limits. */
export class Budgets {
  private readonly known = new LRUCache<string, Budget>({ max: 1_000 });

  of(sourceId: string): Budget {
    const budget = this.known.get(sourceId) ?? new SharedArrayBuffer(2 * BigInt64Array.BYTES_PER_ELEMENT);
    this.known.set(sourceId, budget);
    return budget;
  }
}

export interface Clock {
  /** Microseconds, the same for every thread. */
  now(): bigint;
  sleep(ms: number, signal?: AbortSignal): Promise<unknown>;
}

const machine: Clock = {
  now: () => process.hrtime.bigint() / 1_000n,
  sleep: (ms, signal) => pause(ms, undefined, { signal }),
};

/** What was not used for a moment may be used at once, up to this much of a second. */
const burst = 0.25;
/** A read takes no more than is allowed in this part of a second: many small waits, and no connection that stands still for long. */
const stride = 0.25;
const smallestRead = 1024;
/** Below this rate for each of them, fewer entries are read at the same time. */
const worthReading = 64 * 1024;

/** A token bucket in shared memory (GCRA): waits until what was taken before has been paid for, whoever took it. */
function bucketOf(budget: Budget, index: number, perSecond: number, clock: Clock) {
  const state = new BigInt64Array(budget);
  return async (amount: number, signal?: AbortSignal): Promise<void> => {
    const cost = BigInt(Math.ceil((amount / perSecond) * 1e6));
    const now = clock.now();
    const earliest = now - BigInt(burst * 1e6);
    for (let used = Atomics.load(state, index); ;) {
      const from = used > earliest ? used : earliest;
      const before = Atomics.compareExchange(state, index, used, from + cost);
      if (before === used) {
        if (from > now) await clock.sleep(Number(from - now) / 1000, signal);
        return;
      }
      used = before;
    }
  };
}

/**
 * A source that is asked for no more than its limits allow, whoever else works with the same budget. Waits end when the signal of the call
 * aborts. Without limits the source itself.
 */
export function limited(source: Source, limits: Limits, budget: Budget, clock: Clock = machine): Source {
  const { bytesPerSecond, requestsPerSecond } = limits;
  if (!bytesPerSecond && !requestsPerSecond) return source;
  const takeRequest = requestsPerSecond ? bucketOf(budget, buckets.requests, requestsPerSecond, clock) : () => Promise.resolve();
  const takeBytes = bytesPerSecond ? bucketOf(budget, buckets.bytes, bytesPerSecond, clock) : undefined;
  const longest = Math.max(smallestRead, Math.floor((bytesPerSecond ?? 0) * stride));

  const slowly = (opened: Opened, signal?: AbortSignal): Opened => {
    if (!takeBytes) return opened;
    return {
      size: opened.size,
      modifiedAt: opened.modifiedAt,
      fingerprint: opened.fingerprint,
      async read(into) {
        const got = await opened.read(into.subarray(0, longest));
        if (got) await takeBytes(got, signal);
        return got;
      },
      verify: () => opened.verify(),
      close: () => opened.close(),
    };
  };

  return {
    parallel: Math.max(
      1,
      Math.min(source.parallel, Math.ceil((bytesPerSecond ?? Infinity) / worthReading), Math.ceil(requestsPerSecond ?? Infinity)),
    ),
    async check(signal) {
      await takeRequest(1, signal);
      await source.check(signal);
    },
    async *list(signal, after) {
      const pages = source.list(signal, after);
      const iterator = Symbol.asyncIterator in pages ? pages[Symbol.asyncIterator]() : pages[Symbol.iterator]();
      try {
        for (;;) {
          await takeRequest(1, signal);
          const page = await iterator.next();
          if (page.done) return;
          yield page.value;
        }
      } finally {
        await iterator.return?.();
      }
    },
    async open(path, signal, from) {
      await takeRequest(1, signal);
      return slowly(await source.open(path, signal, from), signal);
    },
    close: () => source.close(),
  };
}
