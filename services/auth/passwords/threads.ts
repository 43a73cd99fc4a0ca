import { Worker } from "node:worker_threads";
import { errors } from "../../../config/errors.ts";

/** Verify `hash`, or make a new one. */
export type Order = { bytes: Uint8Array; hash: string } | { bytes: Uint8Array };
export type Result = { value: string | boolean } | { fault: string };

const idle: Worker[] = [];

function hire(): Worker {
  const worker = new Worker(new URL("./thread.ts", import.meta.url));
  // Whoever waits for it listens too; without anybody an error would end the process.
  worker.on("error", () => undefined);
  worker.once("exit", () => {
    const place = idle.indexOf(worker);
    if (place >= 0) idle.splice(place, 1);
  });
  return worker;
}

function answerOf(worker: Worker): Promise<Result> {
  return new Promise((resolve, reject) => {
    const answered = (result: Result) => {
      worker.off("exit", lost);
      resolve(result);
    };
    const lost = () => reject(errors.threadLost("The thread that worked on a password ended."));
    worker.once("message", answered).once("exit", lost);
  });
}

/** Threads do one hash at a time and are kept for the next; idle ones hold no process open. Whoever calls bounds how many run at once. */
async function work(order: Order): Promise<string | boolean> {
  const worker = idle.pop() ?? hire();
  worker.ref();
  worker.postMessage(order);
  const result = await answerOf(worker);
  worker.unref();
  idle.push(worker);
  if ("fault" in result) throw errors.internal(result.fault);
  return result.value;
}

/** A new hash of a password, made on a thread of its own. @throws WORKER_THREAD_LOST (retryable) */
export const makeHash = async (bytes: Uint8Array): Promise<string> => String(await work({ bytes }));

/** Whether a password opens a hash, found out on a thread of its own. @throws WORKER_THREAD_LOST (retryable), INTERNAL_ERROR for a form not known */
export const opensHash = async (bytes: Uint8Array, hash: string): Promise<boolean> => (await work({ bytes, hash })) === true;
