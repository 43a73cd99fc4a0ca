import { lstatSync, readdirSync, unlinkSync } from "node:fs";
import { setImmediate as turn } from "node:timers/promises";
import { isPart, PART_LIFE } from "../part.ts";

/** Removes the parts that killed writers have left below a folder. Nothing stops it: a part that stays is looked at again next time. */
export async function clearParts(folder: Buffer, signal?: AbortSignal): Promise<void> {
  // Synchronous calls are faster, but others of this thread want to go on meanwhile.
  await turn();
  signal?.throwIfAborted();
  for (const entry of entriesIn(folder)) {
    const path = Buffer.concat([folder, Buffer.from("/"), entry.name]);
    if (entry.isDirectory()) await clearParts(path, signal);
    else if (isPart(entry.name.toString("latin1"))) clear(path);
  }
}

function entriesIn(folder: Buffer) {
  try {
    return readdirSync(folder, { withFileTypes: true, encoding: "buffer" });
  } catch {
    return [];
  }
}

function clear(path: Buffer): void {
  try {
    if (Date.now() - lstatSync(path).mtimeMs > PART_LIFE) unlinkSync(path);
  } catch {
    // Its writer has just finished, or it is not ours to remove.
  }
}
