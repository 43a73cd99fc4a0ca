import { failureType } from "../../../../config/errors.ts";
import { isPart, PART_LIFE } from "../part.ts";
import { nameOf } from "../source.ts";
import { complete } from "./facts.ts";
import { refusedIsFine } from "./faults.ts";
import { readFolder } from "./folder.ts";
import type { Pool } from "./pool.ts";
import { ask, placeOf, type Session } from "./session.ts";

/**
 * Removes the parts that killed writers have left. Nothing stops it but a lost connection: a part that stays is looked at again next time.
 * @param workers folders that are read at the same time
 */
export async function clearParts(pool: Pool, workers: number, signal: AbortSignal | undefined): Promise<void> {
  const folders = [""];
  const running = new Set<Promise<void>>();
  while (folders.length || running.size) {
    const next = running.size < workers ? folders.pop() : undefined;
    if (next === undefined) await Promise.race(running);
    else {
      const one: Promise<void> = clearFolder(pool, next, folders, signal).finally(() => running.delete(one));
      running.add(one);
    }
  }
}

async function clearFolder(pool: Pool, prefix: string, folders: string[], signal: AbortSignal | undefined): Promise<void> {
  await pool.use(async (session) => {
    const items = await readFolder(session, prefix, signal).catch((error: unknown) => {
      if (!["SOURCE_DENIED", "SOURCE_ITEM_UNSUPPORTED"].includes(failureType(error))) refusedIsFine(error);
      return [];
    });
    for (const { name, real } of items) {
      if (name.endsWith("/") && real === undefined) folders.push(prefix + name);
      else if (isPart(nameOf(name))) await clear(session, prefix + name);
    }
  }, signal);
}

async function clear(session: Session, path: string): Promise<void> {
  try {
    const { modified } = await complete(session, path, { kind: "file", size: 0 });
    if (Date.now() - modified > PART_LIFE) await ask(session, `DELE ${placeOf(session, path)}`);
  } catch (error) {
    refusedIsFine(error);
  }
}
