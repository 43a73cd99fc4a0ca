import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { Running } from "./process.ts";

/**
 * Asks `probe` until it succeeds.
 * @throws with the last lines of its log when the process ends first, or when `limitMs` is over.
 */
export async function untilReady(running: Running, probe: () => Promise<unknown>, limitMs = 30_000): Promise<void> {
  let how: string | undefined;
  void running.ended.then((text) => (how = text));
  const limit = Date.now() + limitMs;
  let last: unknown;
  while (Date.now() < limit) {
    if (how !== undefined)
      throw new Error(`${running.name} ended while starting (${how}). The end of ${running.log}:\n${tail(running.log)}`);
    try {
      return void (await probe());
    } catch (error) {
      last = error;
    }
    await sleep(40);
  }
  throw new Error(`${running.name} did not answer within ${limitMs / 1000} s. The end of ${running.log}:\n${tail(running.log)}`, {
    cause: last,
  });
}

/** The last lines of a text file; empty when it can't be read. */
export function tail(path: string, lines = 12): string {
  try {
    return readFileSync(path, "utf8").trimEnd().split("\n").slice(-lines).join("\n");
  } catch {
    return "";
  }
}
