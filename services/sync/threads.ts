import { Worker } from "node:worker_threads";
import { errorFrom, errors, failureOf } from "../../config/errors.ts";
import type { KnownContent, PullRequest, PullResult } from "./pull.ts";
import type { Entry, Spec } from "./sources/source.ts";
import { unpackPage, unpackResult, type FromThread, type ToThread } from "./wire.ts";

/** Worker threads that list, hash and seal, so that the event loop of the node stays free. */
export interface Threads {
  /** @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_UNREACHABLE, SOURCE_NOT_ALLOWED when the root can't be listed. */
  check<S extends Spec>(source: S, signal?: AbortSignal): Promise<void>;
  /** Lists a source, page by page; the thread waits when the reader does. Leaving the loop ends the listing. @throws as `check`. */
  list<S extends Spec>(source: S, signal?: AbortSignal): AsyncIterable<Entry[]>;
  /**
   * Pulls one batch into the vault. Item faults are in the result; what it throws concerns the whole batch: VAULT_* of the store,
   * SOURCE_UNREACHABLE, WORKER_THREAD_LOST, what `known` threw, or the signal's reason. Nothing of the batch is in the store then.
   */
  pull(request: PullRequest, known: KnownContent, signal?: AbortSignal): Promise<PullResult>;
  /** Ends the threads. What is under way is rejected with WORKER_THREAD_LOST. */
  close(): Promise<void>;
}

export interface ThreadOptions {
  threads: number;
  /** MiB of objects a thread may hold before it is ended, buffers not counted; 192 when unset. */
  heap?: number;
  /** Told when a thread died; its tasks were rejected and it has been replaced. */
  onCrash?: (error: Error) => void;
}

/**
 * Batches a thread works on at the same time: while one waits for `known` or for the disk, the other is read and hashed.
 * Each holds an arena of 9 MiB.
 */
const PER_THREAD = 2;

/**
 * MiB. A small young generation makes V8 look for garbage often, and with it go the sealed chunks, which lie outside the heap: without
 * this two threads grow by 200 MB.
 */
const maxYoungGenerationSizeMb = 6;

interface Thread {
  worker: Worker;
  pulls: number;
  lists: number;
}

interface Task {
  thread: Thread;
  hear: (message: FromThread) => void;
  fail: (error: Error) => void;
}

export function openThreads({ threads: limit, heap = 192, onCrash }: ThreadOptions): Threads {
  const threads = new Set<Thread>();
  const tasks = new Map<number, Task>();
  const waiting = new Set<() => void>();
  let lastId = 0;
  let closed = false;
  for (let i = 0; i < limit; i++) spawn();

  function spawn(): Thread {
    const worker = new Worker(new URL("./thread.ts", import.meta.url), {
      name: "sync",
      resourceLimits: { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb },
    });
    const thread: Thread = { worker, pulls: 0, lists: 0 };
    threads.add(thread);
    const lost = (cause: Error) => {
      // Replaced when there is work: one that can't even start would be started for ever.
      if (!threads.delete(thread)) return;
      const error = errors.threadLost(`The worker thread of this work died: ${cause.message}.`, undefined, cause);
      for (const task of tasks.values()) if (task.thread === thread) task.fail(error);
      for (const wake of waiting) wake();
      if (!closed) onCrash?.(error);
    };
    worker.on("message", (message: FromThread) => tasks.get(message.id)?.hear(message));
    worker.on("error", lost);
    worker.on("exit", (code) => lost(new Error(closed ? "the pool was closed" : `it exited with code ${code}`)));
    worker.unref();
    return thread;
  }

  /** The thread with the least to do among those with fewer than `most` batches. */
  function leastBusy(most: number): Thread | undefined {
    if (closed) throw errors.threadLost("The pool of worker threads is closed.");
    if (threads.size < limit) return spawn();
    const roomy = [...threads].filter((thread) => thread.pulls < most);
    return roomy.sort((a, b) => a.pulls + a.lists - b.pulls - b.lists)[0];
  }

  async function take(what: "pulls" | "lists", signal: AbortSignal | undefined): Promise<Thread> {
    for (;;) {
      signal?.throwIfAborted();
      const thread = leastBusy(what === "pulls" ? PER_THREAD : Infinity);
      if (thread) {
        thread[what]++;
        // Only a busy thread keeps the process alive.
        thread.worker.ref();
        return thread;
      }
      await new Promise<void>((resolve) => {
        const wake = () => {
          waiting.delete(wake);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        waiting.add(wake);
        signal?.addEventListener("abort", wake);
      });
    }
  }

  function release(thread: Thread, what: "pulls" | "lists"): void {
    thread[what]--;
    if (!thread.pulls && !thread.lists) thread.worker.unref();
    const [next] = waiting;
    next?.();
  }

  /** Starts a task on a thread; `hear` and `fail` are called until `end` is. */
  function begin(thread: Thread, message: (id: number) => ToThread, signal: AbortSignal | undefined, task: Omit<Task, "thread">) {
    const id = ++lastId;
    const post = (message: ToThread) => thread.worker.postMessage(message);
    const abort = () => post({ kind: "abort", id, failure: failureOf(signal?.reason) });
    tasks.set(id, { thread, ...task });
    signal?.addEventListener("abort", abort, { once: true });
    post(message(id));
    const end = () => {
      tasks.delete(id);
      signal?.removeEventListener("abort", abort);
    };
    return { id, post, abort, end };
  }

  /** What a thread's failure means to the caller: after an abort, the abort's own reason. */
  const failed = (message: FromThread & { kind: "failed" }, signal: AbortSignal | undefined): Error =>
    signal?.aborted ? (signal.reason as Error) : errorFrom(message.failure);

  return {
    async check(source, signal) {
      const thread = await take("lists", signal);
      let task: ReturnType<typeof begin> | undefined;
      try {
        await new Promise<void>((resolve, reject) => {
          const hear = (message: FromThread) => {
            if (message.kind === "done") resolve();
            if (message.kind === "failed") reject(failed(message, signal));
          };
          task = begin(thread, (id) => ({ kind: "check", id, source }), signal, { hear, fail: reject });
        });
      } finally {
        task?.end();
        release(thread, "lists");
      }
    },

    async *list(source, signal) {
      const thread = await take("lists", signal);
      const pages: FromThread[] = [];
      let broken: Error | undefined;
      let wake = () => {};
      const hear = (message: FromThread) => {
        pages.push(message);
        wake();
      };
      const fail = (error: Error) => {
        broken = error;
        wake();
      };
      const task = begin(thread, (id) => ({ kind: "list", id, source }), signal, { hear, fail });
      let ended = false;
      try {
        for (;;) {
          signal?.throwIfAborted();
          const message = pages.shift();
          if (!message) {
            if (broken) throw broken;
            await new Promise<void>((resolve) => (wake = resolve));
          } else if (message.kind === "page") {
            task.post({ kind: "more", id: task.id });
            yield unpackPage(message.page);
          } else {
            ended = true;
            if (message.kind === "failed") throw failed(message, signal);
            return;
          }
        }
      } finally {
        if (!ended && !broken) task.abort();
        task.end();
        release(thread, "lists");
      }
    },

    async pull(request, known, signal) {
      const thread = await take("pulls", signal);
      let task: ReturnType<typeof begin> | undefined;
      try {
        return await new Promise<PullResult>((resolve, reject) => {
          // What `known` threw is handed on as it is, but only once the thread has cleared its half-written pack.
          let thrown: Error | undefined;
          const answer = async (contentIds: string[]): Promise<ToThread> => {
            const id = task!.id;
            try {
              return { kind: "known", id, known: await known(contentIds) };
            } catch (error) {
              thrown = error as Error;
              return { kind: "knownFailed", id, failure: failureOf(error) };
            }
          };
          const hear = (message: FromThread) => {
            if (message.kind === "ask") void answer(message.contentIds).then((message) => task!.post(message));
            if (message.kind === "pulled") resolve(unpackResult(message.result));
            if (message.kind === "failed") reject(thrown ?? failed(message, signal));
          };
          task = begin(thread, (id) => ({ kind: "pull", id, request }), signal, { hear, fail: reject });
        });
      } finally {
        task?.end();
        release(thread, "pulls");
      }
    },

    async close() {
      closed = true;
      await Promise.all([...threads].map((thread) => thread.worker.terminate()));
    },
  };
}
