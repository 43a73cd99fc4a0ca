import { setImmediate as turn } from "node:timers/promises";
import { parentPort } from "node:worker_threads";
import { errorFrom, failureOf } from "../../config/errors.ts";
import { openStore, type Store } from "../../mixins/vault/store.ts";
import { arenaSize, pull, type PullRequest } from "./pull.ts";
import { openSource } from "./sources/kinds.ts";
import type { Source, Spec } from "./sources/source.ts";
import { packPage, packResult, type FromThread, type ToThread } from "./wire.ts";

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
  answer?: { resolve: (known: ReadonlySet<string>) => void; reject: (error: Error) => void };
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
const stores = keep<Store>(2);
const sourceFor = (spec: Spec) => sources(JSON.stringify(spec), () => openSource(spec));

async function list(id: number, task: Task, spec: Spec): Promise<void> {
  const source = await sourceFor(spec);
  for await (const entries of source.list(task.abort.signal)) {
    while (!task.credit && !task.abort.signal.aborted) await new Promise<void>((resolve) => (task.more = resolve));
    task.credit--;
    const page = packPage(entries);
    send({ kind: "page", id, page }, [page.sizes.buffer, page.modifiedAt.buffer]);
    // A local listing never waits by itself, so messages would not be heard.
    await turn();
    task.abort.signal.throwIfAborted();
  }
}

const idleArenas: Buffer[] = [];

async function pullBatch(id: number, task: Task, { source, store, keys, items }: PullRequest): Promise<void> {
  const planned = items.length === 1 ? 0 : items.reduce((sum, { size }) => sum + size, 0);
  const arena = planned > arenaSize ? Buffer.allocUnsafeSlow(planned) : (idleArenas.pop() ?? Buffer.allocUnsafeSlow(arenaSize));
  const known = (contentIds: string[]) =>
    new Promise<ReadonlySet<string>>((resolve, reject) => {
      task.answer = { resolve, reject };
      send({ kind: "ask", id, contentIds });
    });
  try {
    const doors = { source: await sourceFor(source), store: await stores(JSON.stringify(store), () => openStore(store)) };
    const result = packResult(await pull({ ...doors, keys, items, arena, known, signal: task.abort.signal }));
    send({ kind: "pulled", id, result }, [result.digests.buffer]);
  } finally {
    if (arena.length === arenaSize) idleArenas.push(arena);
  }
}

async function run(message: Extract<ToThread, { kind: "check" | "list" | "pull" }>): Promise<void> {
  const { id } = message;
  const task: Task = { abort: new AbortController(), credit: AHEAD, more: () => {} };
  tasks.set(id, task);
  try {
    if (message.kind === "pull") return await pullBatch(id, task, message.request);
    if (message.kind === "list") await list(id, task, message.source);
    else await (await sourceFor(message.source)).check(task.abort.signal);
    send({ kind: "done", id });
  } catch (error) {
    send({ kind: "failed", id, failure: failureOf(error) });
  } finally {
    tasks.delete(id);
  }
}

port.on("message", (message: ToThread) => {
  const task = tasks.get(message.id);
  switch (message.kind) {
    case "check":
    case "list":
    case "pull":
      void run(message);
      break;
    case "more":
      if (!task) break;
      task.credit++;
      task.more();
      break;
    case "known":
      task?.answer?.resolve(message.known);
      break;
    case "knownFailed":
      task?.answer?.reject(errorFrom(message.failure));
      break;
    case "abort":
      task?.abort.abort();
      task?.more();
      task?.answer?.reject(errorFrom(message.failure));
      break;
  }
});
