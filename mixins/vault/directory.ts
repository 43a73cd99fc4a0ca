import { randomUUID } from "node:crypto";
import { closeSync, fdatasync, openSync, writevSync } from "node:fs";
import { mkdir, open, readdir, rename, stat, unlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { errors, failureType, messageOf } from "../../config/errors.ts";
import { free } from "./memory.ts";
import type { Store, StoredObject, Upload } from "./store.ts";

export interface DirectoryOptions {
  /** Sync every object to disk before it becomes visible. */
  fsync?: boolean;
}

/** Objects are written here first: on the same file system as their place, so that `rename` makes them visible at once. */
const INCOMING = ".incoming";
const DAY = 86_400_000;
const syncData = promisify(fdatasync);

/** Store in a folder: an object is a file, its key its path. */
export function directoryStore(url: URL, { fsync = true }: DirectoryOptions): Store {
  const root = fileURLToPath(url).replace(/(.)\/$/, "$1");
  const incoming = join(root, INCOMING);
  const made = new Map<string, Promise<void>>();

  /** Makes a folder, and those above it, once. */
  function folder(path: string): Promise<void> {
    const known = made.get(path);
    if (known) return known;
    const making = make(path);
    made.set(path, making);
    making.catch(() => made.delete(path));
    return making;
  }

  async function make(path: string): Promise<void> {
    if (path !== root) await folder(dirname(path));
    const first = await mkdir(path, { recursive: true });
    if (!fsync) return;
    // A folder is an entry of its parent, which has to reach the disk too; also when another writer has made it, since that one may
    // not have got as far yet. What is above the vault is synced when it was made here: to others there may be no access.
    if (path !== root) await syncFolder(dirname(path));
    else if (first) for (let at = root; at.length >= first.length; at = dirname(at)) await syncFolder(dirname(at));
  }

  function upload(temporary: string, target: string): Upload {
    const fd = openSync(temporary, "wx", 0o600);
    let open = true;
    const closed = () => {
      if (open) closeSync(fd);
      open = false;
    };
    return {
      write(buffers) {
        try {
          writeAll(fd, buffers);
          buffers.forEach(free);
        } catch (error) {
          throw storageError(error, target);
        }
      },
      async commit() {
        try {
          if (fsync) await syncData(fd);
          closed();
          await folder(dirname(target));
          await rename(temporary, target);
          if (fsync) await syncFolder(dirname(target));
        } catch (error) {
          await this.abort();
          throw writeError(error, target, made);
        }
      },
      async abort() {
        closed();
        await unlink(temporary).catch(() => {});
      },
    };
  }

  return {
    async create(key) {
      try {
        await folder(incoming);
        return upload(join(incoming, `${randomUUID()}.part`), join(root, key));
      } catch (error) {
        throw writeError(error, key, made);
      }
    },

    async open(key, start, end) {
      try {
        const handle = await open(join(root, key));
        return handle.createReadStream({ start, end: end - 1, highWaterMark: Math.min(end - start, 1024 * 1024) });
      } catch (error) {
        throw storageError(error, key);
      }
    },

    async fill(key, into) {
      try {
        const handle = await open(join(root, key));
        try {
          let filled = 0;
          for (let got = 1; got && filled < into.length; filled += got)
            got = (await handle.read(into, filled, into.length - filled, filled)).bytesRead;
          return filled;
        } finally {
          await handle.close();
        }
      } catch (error) {
        // A bad sector: asking again does not help.
        if ((error as NodeJS.ErrnoException).code === "EIO") throw errors.vaultDamaged(`The disk can't read ${key}.`, undefined, error);
        throw storageError(error, key);
      }
    },

    async remove(key) {
      try {
        await unlink(join(root, key));
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw storageError(error, key);
      }
    },

    async *list(prefix) {
      const shards = await readdir(join(root, prefix), { withFileTypes: true, recursive: true }).catch((error: NodeJS.ErrnoException) => {
        if (error.code === "ENOENT") return [];
        throw storageError(error, prefix);
      });
      const files = shards.filter((entry) => entry.isFile() && !entry.parentPath.endsWith(INCOMING));
      for (let i = 0; i < files.length; i += 1000) {
        const page = files.slice(i, i + 1000).map(async (entry): Promise<StoredObject | null> => {
          const path = join(entry.parentPath, entry.name);
          // Removed since it was listed: no longer an object.
          const found = await stat(path).catch(() => null);
          return found && { key: path.slice(root.length + 1), size: found.size, modifiedAt: Math.trunc(found.mtimeMs) };
        });
        yield (await Promise.all(page)).filter((object) => object !== null);
      }
    },

    async check() {
      const probe = await this.create("check");
      try {
        await probe.write([Buffer.from("check")]);
      } finally {
        await probe.abort();
      }
      await removeStale(incoming);
    },

    async close() {},
  };
}

/** writev may write less than it was given; it says why only when asked again. */
function writeAll(fd: number, buffers: Uint8Array[]): void {
  let rest = buffers;
  while (rest.length) {
    let written = writevSync(fd, rest);
    let whole = 0;
    while (whole < rest.length && written >= rest[whole]!.length) written -= rest[whole++]!.length;
    rest = rest.slice(whole);
    if (written && rest.length) rest[0] = rest[0]!.subarray(written);
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Clears what killed writers left behind. A living writer touches its file far more often than once a day. */
async function removeStale(incoming: string): Promise<void> {
  for (const name of await readdir(incoming)) {
    const path = join(incoming, name);
    const found = await stat(path).catch(() => null);
    if (found && Date.now() - found.mtimeMs > DAY) await unlink(path).catch(() => {});
  }
}

const faults: Record<string, (message: string, data?: undefined, cause?: unknown) => Error> = {
  ENOENT: errors.vaultMissing,
  ENOSPC: errors.vaultFull,
  EDQUOT: errors.vaultFull,
  EACCES: errors.vaultDenied,
  EPERM: errors.vaultDenied,
  EROFS: errors.vaultDenied,
};

/** A folder that was there has gone: not a missing object, and the next try makes it anew. */
function writeError(error: unknown, key: string, made: Map<string, unknown>): Error {
  if ((error as NodeJS.ErrnoException).code !== "ENOENT") return storageError(error, key);
  made.clear();
  return errors.vaultUnreachable(`The vault's folder is gone: ${messageOf(error)}.`, undefined, error);
}

function storageError(error: unknown, key: string): Error {
  if (failureType(error).startsWith("VAULT_")) return error as Error;
  const make = faults[(error as NodeJS.ErrnoException).code ?? ""] ?? errors.vaultUnreachable;
  return make(`The vault's folder failed for ${key}: ${messageOf(error)}.`, undefined, error);
}
