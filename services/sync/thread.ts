import { setImmediate as turn } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { errorFrom, failureOf } from "../../config/errors.ts";
import { openStore, type Store } from "../../mixins/vault/store.ts";
import { atRest } from "./rest.ts";
import { collectGarbage, letHeapGrow } from "./sources/growth.ts";
import { openDestination, openSource } from "./sources/kinds.ts";
import { limited, type Pace } from "./sources/limits.ts";
import type { Destination, Source, Spec } from "./sources/source.ts";
import { packPage, type FromThread, type ToThread } from "./wire.ts";
import type { Door, Work } from "./work/work.ts";

// What a worker thread of the pool runs (threads.ts). It loads neither the broker nor the database.

const port = parentPort!;
const send = (message: FromThread, handOver: ArrayBuffer[] = []) => port.postMessage(message, handOver);

/** Pages a listing may be ahead of its reader. */
const AHEAD = 3;

interface Task {
  abort: AbortController;
  /** Pages that may be sent before the reader takes one. */
  credit: number;
  /** Wakes the listing that waits for credit. */
  more: () => void;
  questions: Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>;
}
const tasks = new Map<number, Task>();

/** Connections outlive a task; of those not used lately some are closed when nothing is under way. */
function keep<T extends { close(): unknown }>(limit: number) {
  const open = new Map<string, Promise<T>>();
  return async (key: string, make: () => Promise<T>): Promise<T> => {
    const found = open.get(key) ?? make();
    open.delete(key);
    open.set(key, found);
    found.catch(() => open.delete(key));
    for (const [oldest, idle] of open) {
      if (open.size <= limit || tasks.size > 1) break;
      open.delete(oldest);
      idle.then((it) => it.close()).catch(() => {});
    }
    return found;
  };
}
const sources = keep<Source>(8);
const destinations = keep<Destination>(4);
const stores = keep<Store>(2);
async function sourceFor(spec: Spec, pace?: Pace): Promise<Source> {
  const source = await sources(JSON.stringify(spec), () => openSource(spec));
  return pace ? limited(source, pace.limits, pace.budget) : source;
}

async function list(id: number, task: Task, { source: spec, pace, after }: Extract<ToThread, { kind: "list" }>): Promise<void> {
  const source = await sourceFor(spec, pace);
  for await (const entries of source.list(task.abort.signal, after)) {
    while (!task.credit && !task.abort.signal.aborted) await new Promise<void>((resolve) => (task.more = resolve));
    task.credit--;
    const page = packPage(entries);
    send({ kind: "page", id, page }, [page.sizes.buffer, page.modifiedAt.buffer]);
    // A local listing never waits by itself, so messages would not be heard.
    await turn();
    task.abort.signal.throwIfAborted();
  }
}

let lastQuestion = 0;

async function work(id: number, task: Task, name: string, request: unknown): Promise<unknown> {
  const { default: perform } = (await import(`./work/${name}.ts`)) as { default: Work<unknown, unknown, unknown, unknown> };
  const door: Door<unknown, unknown> = {
    signal: task.abort.signal,
    ask: (question) =>
      new Promise((resolve, reject) => {
        const ask = ++lastQuestion;
        task.questions.set(ask, { resolve, reject });
        send({ kind: "ask", id, ask, question });
      }),
    source(spec, pace) {
      if (spec.host) letHeapGrow();
      return sourceFor(spec, pace);
    },
    destination: (spec) => destinations(JSON.stringify(spec), () => openDestination(spec)),
    store: (options) => stores(JSON.stringify(options), () => openStore(options)),
  };
  return await perform(request, door);
}

async function run(message: Extract<ToThread, { kind: "list" | "work" }>): Promise<void> {
  const { id } = message;
  const task: Task = { abort: new AbortController(), credit: AHEAD, more: () => {}, questions: new Map() };
  tasks.set(id, task);
  clearTimeout(rest);
  try {
    if (message.kind === "list") {
      await list(id, task, message);
      send({ kind: "done", id });
    } else send({ kind: "done", id, result: await work(id, task, message.name, message.request) });
  } catch (error) {
    send({ kind: "failed", id, failure: failureOf(error) });
  } finally {
    tasks.delete(id);
    restSoon();
  }
}

/** A thread that has nothing to do for so long lets go of what it needed, milliseconds. */
const IDLE = 10_000;
let rest: NodeJS.Timeout | undefined;
function restSoon(): void {
  clearTimeout(rest);
  if (!tasks.size) rest = setTimeout(letGo, IDLE).unref();
}
function letGo(): void {
  for (const each of atRest) each();
  collectGarbage();
}
restSoon();

port.on("message", (message: ToThread) => {
  const task = tasks.get(message.id);
  switch (message.kind) {
    case "list":
    case "work":
      void run(message);
      break;
    case "more":
      if (!task) break;
      task.credit++;
      task.more();
      break;
    case "answer": {
      const question = task?.questions.get(message.ask);
      task?.questions.delete(message.ask);
      if (message.failure) question?.reject(errorFrom(message.failure));
      else question?.resolve(message.value);
      break;
    }
    case "abort":
      task?.abort.abort(errorFrom(message.failure));
      task?.more();
      for (const { reject } of task?.questions.values() ?? []) reject(errorFrom(message.failure));
      break;
  }
});
