import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";
import { basename } from "node:path";
import { parentPort } from "node:worker_threads";
import { messageOf } from "../../../config/errors.ts";
import { make, opens } from "./crypt.ts";
import type { Order, Result } from "./threads.ts";

/** Of 19: a hash gives way to whoever wants the core, and still gets a tenth of a busy one. */
const nice = 10;

/** Signing in may take a moment longer; everybody else's requests may not. On Linux a priority is a thread's own; elsewhere it stays. */
function giveWay(): void {
  try {
    setPriority(Number(basename(readlinkSync("/proc/thread-self"))), nice);
  } catch {
    // No such file, or not allowed: the hash then competes like any other work.
  }
}

const port = parentPort!;
port.on("message", (order: Order) => {
  let result: Result;
  try {
    result = { value: "hash" in order ? opens(order.bytes, order.hash) : make(order.bytes) };
  } catch (error) {
    result = { fault: messageOf(error) };
  }
  port.postMessage(result);
});
giveWay();
