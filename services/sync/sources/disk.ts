import type { Stats } from "node:fs";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { bytesOf } from "./names.ts";

/** Where a path of the catalogue lies; a Buffer when its name is not UTF-8. */
export const place = (root: string, path: string): string | Buffer =>
  path.includes("%") ? Buffer.concat([Buffer.from(`${root}/`), bytesOf(path)]) : `${root}/${path}`;

/**
 * Changes with every edit a file system can tell: another size, a later time, an older file put in its place (inode), the old
 * time put back (ctime, which no program can set).
 */
export const fingerprintOf = (stat: Stats): string =>
  `${base36(stat.size)}.${base36(micro(stat.mtimeMs))}.${base36(micro(stat.ctimeMs))}.${base36(stat.ino)}`;

/** Whether a file is still in the state that another look at it found. */
export const isUnchanged = (before: Stats, now: Stats): boolean =>
  now.size === before.size && now.mtimeMs === before.mtimeMs && now.ctimeMs === before.ctimeMs && now.ino === before.ino;

const micro = (milliseconds: number) => Math.round(milliseconds * 1000);

const digits = 36 ** 5;
/**
 * `toString(36)` of a whole number; in two steps, for beyond 31 bits it divides in floating point, digit by digit. Beyond 53 bits, as inodes of
 * some network file systems are, its digits are its own, and the catalogue has them.
 */
const base36 = (number: number): string =>
  number < digits || number > Number.MAX_SAFE_INTEGER
    ? number.toString(36)
    : Math.floor(number / digits).toString(36) + ((number % digits) + digits).toString(36).slice(1);

const faults: Record<string, (message: string, data?: undefined, cause?: unknown) => Error> = {
  ENOENT: errors.sourceMissing,
  ENOTDIR: errors.sourceMissing,
  EACCES: errors.sourceDenied,
  EPERM: errors.sourceDenied,
  // Links in a circle; sockets; folders and names no file system call takes.
  ELOOP: errors.sourceUnsupported,
  ENXIO: errors.sourceUnsupported,
  EISDIR: errors.sourceUnsupported,
  ENAMETOOLONG: errors.sourceUnsupported,
};

/** A system error in the sources' vocabulary. */
export function itemError(error: unknown, path: string): Error {
  if (failureType(error) !== "INTERNAL_ERROR") return error as Error;
  const make = faults[(error as NodeJS.ErrnoException).code ?? ""] ?? errors.sourceUnreachable;
  // "ENOENT: no such file or directory", without the call and the machine's own path.
  return make(`${path}: ${messageOf(error).split(",")[0]}.`, undefined, error);
}
