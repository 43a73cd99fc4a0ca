import type { KnownContent, PullRequest, PullResult } from "./pull.ts";
import type { Entry, SourceSpec } from "./sources/source.ts";

/** Worker threads that list, hash and seal, so that the event loop of the node stays free. */
export interface Threads {
  /** Lists a source, page by page; the thread waits when the reader does. Leaving the loop ends the listing. */
  list(source: SourceSpec, signal?: AbortSignal): AsyncIterable<Entry[]>;
  /** @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_UNREACHABLE, SOURCE_NOT_ALLOWED when the root can't be listed. */
  check(source: SourceSpec, signal?: AbortSignal): Promise<void>;
  /**
   * Pulls one batch into the vault. Item faults are in the result; what it throws concerns the whole batch:
   * VAULT_* of the store, WORKER_THREAD_LOST (retryable), or the signal's reason. Nothing is visible in the store then.
   */
  pull(request: PullRequest, known: KnownContent, signal?: AbortSignal): Promise<PullResult>;
  /** Ends the threads; what is under way is rejected with WORKER_THREAD_LOST. */
  close(): Promise<void>;
}

export declare function openThreads(options: { threads: number; onCrash?: (error: Error) => void }): Threads;
