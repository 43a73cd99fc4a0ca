import { linkSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { holderLine, readHolder } from "./process.ts";

type Claim = { release: () => void } | { holder: number };

/**
 * Claims a data folder for this process.
 * @returns how to give it back.
 * @throws when another start works in it.
 */
export function claimFolder(dataDir: string): () => void {
  mkdirSync(dataDir, { recursive: true });
  const claim = claimFile(join(dataDir, "start.lock"));
  if ("release" in claim) return claim.release;
  throw new Error(
    `${dataDir} is in use by process ${claim.holder}: LEGENDO SYNC runs there already. Stop it, or set LEGENDO_DATA to another folder.`,
  );
}

/**
 * Claims a port among all starts of this user on this machine. That nobody listens on it yet does not mean that it is free: two starts
 * at the same moment would both find it so, and listen seconds later.
 */
export function claimPort(port: number): boolean {
  return "release" in claimFile(join(tmpdir(), `legendo-port-${process.getuid?.() ?? 0}-${port}.lock`));
}

/** A lock file with the process that holds it; that process's end is enough to give it back. */
function claimFile(path: string): Claim {
  const mine = `${path}.${process.pid}`;
  writeFileSync(mine, holderLine(process.pid));
  try {
    for (;;) {
      try {
        // A link appears with its content: nobody ever reads a half-written lock.
        linkSync(mine, path);
        const release = () => rmSync(path, { force: true });
        process.once("exit", release);
        return { release };
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
        const holder = readHolder(path);
        if (holder) return { holder };
        rmSync(path, { force: true });
      }
    }
  } finally {
    rmSync(mine, { force: true });
  }
}
