import { closeSync, constants, existsSync, fsyncSync, mkdirSync, openSync, readlinkSync, realpathSync } from "node:fs";
import { errors } from "../../../../config/errors.ts";
import { place } from "../disk.ts";
import { bytesOf } from "../names.ts";

/** A folder held open: what is done through it happens in that very folder, whatever takes its place meanwhile. */
export interface Pinned {
  fd: number;
  /** Where a name in it lies. */
  at(name: string): string | Buffer;
  close(): void;
}

const hasProc = existsSync("/proc/self/fd");
const latin1 = { encoding: "latin1" } as const;
const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

/** Real path of an open file or folder, a character per byte; by its path where the system does not tell. */
export const realPathOf = (fd: number, path: string | Buffer): string =>
  hasProc ? readlinkSync(`/proc/self/fd/${fd}`, latin1) : realpathSync.native(path, latin1);

export const isBelow = (root: string, real: string): boolean => root === "/" || real.startsWith(`${Buffer.from(root).toString("latin1")}/`);

/**
 * Opens a folder below a root.
 * @param folder path below the root, "" for itself
 * @param make makes it, and those above it below the root, and brings their names to the disk
 * @throws SOURCE_NOT_ALLOWED for a link that leads out of the root; SOURCE_MISSING for the root; system errors
 */
export function pin(root: string, folder: string, make = false): Pinned {
  const path = folder ? place(root, folder) : root;
  const fd = opened(root, folder, path, make);
  const real = realPathOf(fd, path);
  if (!isBelow(root, `${real}/`)) {
    closeSync(fd);
    throw errors.sourceNotAllowed(`${folder || root} is a link to something outside the folder that may be used.`);
  }
  const prefix = hasProc ? `/proc/self/fd/${fd}/` : `${real}/`;
  return {
    fd,
    at: (name) => Buffer.concat([Buffer.from(prefix, hasProc ? "utf8" : "latin1"), bytesOf(name)]),
    close: () => closeSync(fd),
  };
}

const asFolder = constants.O_RDONLY | constants.O_DIRECTORY;

function opened(root: string, folder: string, path: string | Buffer, make: boolean): number {
  try {
    return openSync(path, asFolder);
  } catch (error) {
    if (codeOf(error) !== "ENOENT") throw error;
    // Not made anew here: a disk that is no longer mounted leaves a hole of the same name.
    if (!folder) throw errors.sourceMissing(`${root} is not there any more.`, undefined, error);
    if (!make) throw error;
  }
  const cut = folder.lastIndexOf("/");
  const parent = pin(root, folder.slice(0, Math.max(cut, 0)), make);
  try {
    const at = parent.at(folder.slice(cut + 1));
    try {
      mkdirSync(at);
      fsyncSync(parent.fd);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
    return openSync(at, asFolder);
  } finally {
    parent.close();
  }
}
