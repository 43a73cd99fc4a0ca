import { Worker } from "node:worker_threads";
import { errors } from "../../config/errors.ts";
import { failedAnalysis, type Analysis, type Request } from "./analyse.ts";

export interface ThreadOptions {
  threads: number;
  /** Milliseconds one asset may take; then its thread is ended and replaced. */
  deadlineMs?: number;
  /** JavaScript heap of a thread, in megabytes; a thread that needs more is ended and replaced. */
  heapMb?: number;
  /** The thread's program; tests put in one that never answers. */
  program?: URL;
}

type Answer = { analysis: Analysis } | { fault: string };

interface Task {
  request: Omit<Request, "seconds">;
  began: number;
  late?: NodeJS.Timeout;
  resolve: (analysis: Analysis) => void;
  reject: (error: Error) => void;
}

/**
 * Analyses assets on worker threads, so that the event loop of the node stays free. Threads start with the first asset and are
 * kept. An asset that exceeds its deadline or breaks its thread gets a failed analysis; the assets after it get a new thread.
 */
export class AnalysisThreads {
  readonly size: number;
  private readonly deadlineMs: number;
  private readonly heapMb: number;
  private readonly program: URL;
  private readonly idle: Worker[] = [];
  private readonly busy = new Map<Worker, Task>();
  private readonly waiting: Task[] = [];
  private closed = false;
  /** Threads ended because of an asset. */
  replaced = 0;

  constructor({ threads, deadlineMs = 30_000, heapMb = 512, program = new URL("./thread.ts", import.meta.url) }: ThreadOptions) {
    this.size = threads;
    this.deadlineMs = deadlineMs;
    this.heapMb = heapMb;
    this.program = program;
  }

  /** The bytes are moved to the thread where they are alone in their buffer: the caller does not use them afterwards. */
  analyse(request: Omit<Request, "seconds">): Promise<Analysis> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(errors.threadLost("The analysis threads are closed."));
      this.waiting.push({ request, began: 0, resolve, reject });
      this.next();
    });
  }

  /** Ends the threads; what is under way or waiting is rejected with WORKER_THREAD_LOST. */
  async close(): Promise<void> {
    this.closed = true;
    const lost = errors.threadLost("The node is stopping; the asset will be analysed elsewhere.");
    for (const task of [...this.waiting.splice(0), ...this.busy.values()]) {
      clearTimeout(task.late);
      task.reject(lost);
    }
    const workers = [...this.idle.splice(0), ...this.busy.keys()];
    this.busy.clear();
    await Promise.all(workers.map((worker) => worker.terminate()));
  }

  private next(): void {
    if (this.closed || this.waiting.length === 0 || this.busy.size >= this.size) return;
    const task = this.waiting.shift()!;
    const worker = this.idle.pop() ?? this.open();
    this.busy.set(worker, task);
    task.began = performance.now();
    task.late = setTimeout(
      () => this.drop(worker, `The analysis took longer than ${this.deadlineMs / 1000} s and was ended.`),
      this.deadlineMs,
    );
    // libvips works outside the JavaScript thread, which can't be ended while it does: it gets a limit of its own, a little shorter.
    const { bytes } = task.request;
    // A small Buffer shares its memory with others, which can't be moved.
    const own = bytes.byteLength === bytes.buffer.byteLength ? bytes : new Uint8Array(bytes);
    const request: Request = { ...task.request, bytes: own, seconds: Math.max(1, Math.floor(this.deadlineMs / 1500)) };
    worker.postMessage(request, [own.buffer as ArrayBuffer]);
  }

  private open(): Worker {
    const worker = new Worker(this.program, { resourceLimits: { maxOldGenerationSizeMb: this.heapMb }, name: "analysis" });
    worker.on("message", (answer: Answer) => {
      const task = this.busy.get(worker);
      if (!task) return;
      this.idle.push(worker);
      const analysis = "analysis" in answer ? answer.analysis : failedAnalysis(`The analyser failed: ${answer.fault}`, since(task));
      this.finish(worker, task, analysis);
    });
    worker.on("error", (error) =>
      this.drop(worker, `The analysis broke its thread: ${error instanceof Error ? error.message : String(error)}.`),
    );
    worker.on("exit", () => this.drop(worker, "The analysis ended its thread."));
    return worker;
  }

  /** Gives the thread up. Its end is not awaited: a thread inside a decoder ends only once that returns. */
  private drop(worker: Worker, problem: string): void {
    const task = this.busy.get(worker);
    if (!task) return void this.forget(worker);
    this.replaced++;
    void worker.terminate();
    this.finish(worker, task, failedAnalysis(problem, since(task)));
  }

  private finish(worker: Worker, task: Task, analysis: Analysis): void {
    clearTimeout(task.late);
    this.busy.delete(worker);
    task.resolve(analysis);
    this.next();
  }

  private forget(worker: Worker): void {
    const at = this.idle.indexOf(worker);
    if (at >= 0) this.idle.splice(at, 1);
  }
}

const since = (task: Task) => performance.now() - task.began;
