import { Worker } from "node:worker_threads";
import { errorFrom, errors, failureOf } from "../../config/errors.ts";
import { keepHeapSmall } from "./sources/growth.ts";
import type { Pace } from "./sources/limits.ts";
import type { Entry, Spec } from "./sources/source.ts";
import { unpackPage, type FromThread, type ToThread } from "./wire.ts";
import type check from "./work/check.ts";
import type copy from "./work/copy.ts";
import type mend from "./work/mend.ts";
import type pull from "./work/pull.ts";
import type purge from "./work/purge.ts";
import type push from "./work/push.ts";
import type refetch from "./work/refetch.ts";
import type remove from "./work/remove.ts";
import type repack from "./work/repack.ts";
import type sweep from "./work/sweep.ts";
import type verify from "./work/verify.ts";
import type { Work } from "./work/work.ts";

/** Worker threads that list, hash, seal and write, so that the event loop of the node stays free. */
export interface Threads {
  /**
   * Lists a source, page by page; the thread waits when the reader does. Leaving the loop ends the listing.
   * @param more only paths after one; limits of the place
   * @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_UNREACHABLE, SOURCE_NOT_ALLOWED when the root can't be listed.
   */
  list<S extends Spec>(source: S, signal?: AbortSignal, more?: { after?: string; pace?: Pace | undefined }): AsyncIterable<Entry[]>;
  /**
   * Has work/<name>.ts done by the least busy thread.
   * @param answer answers the work's questions; what it throws is thrown there, and here when the work does not recover
   * @throws what the work throws, WORKER_THREAD_LOST, or the signal's reason
   */
  work<N extends WorkName>(name: N, request: Request<N>, signal?: AbortSignal, answer?: Answering<N>): Promise<Result<N>>;
  /** Ends the threads. What is under way is rejected with WORKER_THREAD_LOST. */
  close(): Promise<void>;
}

/** The works there are. Only their types are imported: a thread loads what it is asked for. */
interface Works {
  check: typeof check;
  copy: typeof copy;
  pull: typeof pull;
  mend: typeof mend;
  purge: typeof purge;
  refetch: typeof refetch;
  repack: typeof repack;
  sweep: typeof sweep;
  verify: typeof verify;
  push: typeof push;
  remove: typeof remove;
}
export type WorkName = keyof Works;
type Parts<N extends WorkName> =
  Works[N] extends Work<infer R, infer S, infer Q, infer A> ? { request: R; result: S; question: Q; answer: A } : never;
type Request<N extends WorkName> = Parts<N>["request"];
type Result<N extends WorkName> = Parts<N>["result"];
type Answering<N extends WorkName> = (question: Parts<N>["question"]) => Promise<Parts<N>["answer"]>;

export interface ThreadOptions {
  threads: number;
  /** MiB of objects a thread may hold before it is ended, buffers not counted; 192 when unset. */
  heap?: number;
  /** Told when a thread died; its tasks were rejected and it has been replaced. */
  onCrash?: (error: Error) => void;
}

/**
 * Works of a thread at the same time: while one waits for an answer or for the disk, the other reads and hashes. A batch holds an arena
 * of 9 MiB. A job that has none under way need not wait for the batches of another: there is one place more for its first.
 */
const PER_THREAD = 2;

/**
 * MiB. A small young generation makes V8 look for garbage often, and with it go the sealed chunks, which lie outside the heap: without
 * this two threads grow by 200 MB.
 */
const maxYoungGenerationSizeMb = 6;

interface Thread {
  worker: Worker;
  works: number;
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
  /** How many works are under way for whom: a job gives all of its works the signal of its lease. */
  const worksOf = new Map<AbortSignal | undefined, number>();
  let lastId = 0;
  let closed = false;
  for (let i = 0; i < limit; i++) spawn();

  function spawn(): Thread {
    const worker = new Worker(new URL("./thread.ts", import.meta.url), {
      name: "sync",
      resourceLimits: { maxOldGenerationSizeMb: heap, maxYoungGenerationSizeMb },
    });
    const thread: Thread = { worker, works: 0, lists: 0 };
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

  /** The thread with the least to do among those with fewer than `most` works. */
  function leastBusy(most: number): Thread | undefined {
    if (closed) throw errors.threadLost("The pool of worker threads is closed.");
    if (threads.size < limit) return spawn();
    const roomy = [...threads].filter((thread) => thread.works < most);
    return roomy.sort((a, b) => a.works + a.lists - b.works - b.lists)[0];
  }

  async function take(what: "works" | "lists", signal: AbortSignal | undefined): Promise<Thread> {
    for (;;) {
      signal?.throwIfAborted();
      const works = worksOf.get(signal) ?? 0;
      const thread = leastBusy(what === "lists" ? Infinity : works ? PER_THREAD : PER_THREAD + 1);
      if (thread) {
        thread[what]++;
        if (what === "works") worksOf.set(signal, works + 1);
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

  function release(thread: Thread, what: "works" | "lists", signal: AbortSignal | undefined): void {
    thread[what]--;
    if (!thread.works && !thread.lists) thread.worker.unref();
    if (what === "works") {
      const works = worksOf.get(signal)! - 1;
      if (works) worksOf.set(signal, works);
      else worksOf.delete(signal);
      if (!worksOf.size) keepHeapSmall();
    }
    // Not every one of them may use the place that is free now.
    for (const wake of [...waiting]) wake();
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
    async *list(source, signal, { after, pace } = {}) {
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
      const task = begin(thread, (id) => ({ kind: "list", id, source, ...(pace && { pace }), ...(after && { after }) }), signal, {
        hear,
        fail,
      });
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
        release(thread, "lists", signal);
      }
    },

    async work(name, request, signal, answer) {
      const thread = await take("works", signal);
      let task: ReturnType<typeof begin> | undefined;
      try {
        return await new Promise((resolve, reject) => {
          // What `answer` threw is handed on as it is, but only once the thread has cleared what it had half done.
          let thrown: Error | undefined;
          const reply = async (message: FromThread & { kind: "ask" }): Promise<ToThread> => {
            const { id, ask } = message;
            try {
              return { kind: "answer", id, ask, value: await answer?.(message.question) };
            } catch (error) {
              thrown = error as Error;
              return { kind: "answer", id, ask, failure: failureOf(error) };
            }
          };
          const hear = (message: FromThread) => {
            if (message.kind === "ask") void reply(message).then((message) => task!.post(message));
            if (message.kind === "done") resolve(message.result);
            if (message.kind === "failed") reject(thrown ?? failed(message, signal));
          };
          task = begin(thread, (id) => ({ kind: "work", id, name, request }), signal, { hear, fail: reject });
        });
      } finally {
        task?.end();
        release(thread, "works", signal);
      }
    },

    async close() {
      closed = true;
      await Promise.all([...threads].map((thread) => thread.worker.terminate()));
    },
  };
}
