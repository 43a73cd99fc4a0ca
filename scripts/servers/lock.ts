import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { holderLine, readHolder } from "./process.ts";

/**
 * Claims a data folder for this process.
 * @returns how to give it back.
 * @throws when another start works in it.
 */
export function claimFolder(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true });
  const path = join(dataDir, "start.lock");
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, holderLine(process.pid));
  try {
    for (;;) {
      try {
        // A link appears with its content: nobody ever reads a half-written lock.
        linkSync(mine, path);
        return () => rmSync(path, { force: true });
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        const holder = readHolder(path);
        if (holder) {
          const message = `${dataDir} is in use by process ${holder}: LEGENDO SYNC runs there already. Stop it, or set LEGENDO_DATA to another folder.`;
          throw new Error(message, { cause: error });
        }
        rmSync(path, { force: true });
      }
    }
  } finally {
    rmSync(mine, { force: true });
  }
}
