import { closeSync, constants, existsSync, fstatSync, openSync, readlinkSync, readSync, realpathSync, type Stats } from "node:fs";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { bytesOf } from "./names.ts";
import { timeOf, type FileSpec, type Opened, type Source } from "./source.ts";
import { walk } from "./walk.ts";

/**
 * Source in a folder of this machine. Everything is synchronous and meant for a worker thread, where that is two to three times
 * faster than promises.
 */
export function fileSource(spec: FileSpec): Source {
  return {
    parallel: 1,

    check() {
      return new Promise((resolve) => resolve(rootOf(spec)));
    },

    *list(signal) {
      rootOf(spec);
      for (const page of walk(spec.root)) {
        signal?.throwIfAborted();
        yield page;
      }
    },

    open(path) {
      let fd: number | undefined;
      try {
        // Non-blocking, or opening a named pipe would wait for a writer.
        fd = openSync(place(spec.root, path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
        refuseOutside(spec.root, path, fd);
        return opened(fd, path);
      } catch (error) {
        if (fd !== undefined) closeSync(fd);
        throw itemError(error, path);
      }
    },

    close() {},
  };
}

/** Where a path of the catalogue lies; a Buffer when its name is not UTF-8. */
export const place = (root: string, path: string): string | Buffer =>
  path.includes("%") ? Buffer.concat([Buffer.from(`${root}/`), bytesOf(path)]) : `${root}/${path}`;

/**
 * Changes with every edit a file system can tell: another size, a later time, an older file put in its place (inode), the old
 * time put back (ctime, which no program can set).
 */
export const fingerprintOf = (stat: Stats): string =>
  [stat.size, Math.round(stat.mtimeMs * 1000), Math.round(stat.ctimeMs * 1000), stat.ino].map((part) => part.toString(36)).join(".");

/** File systems stamp times with the kernel's tick: a write this soon after another may leave all of them as they were. */
const TICK = 20;

function opened(fd: number, path: string): Opened {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw errors.sourceUnsupported(`${path} is not a regular file.`);
  const fingerprint = fingerprintOf(stat);
  const age = Date.now() - stat.ctimeMs;
  let received = 0;
  return {
    size: stat.size,
    modifiedAt: timeOf(stat.mtimeMs),
    // Written a moment ago: the mark makes the next run read it again, whatever its times say then.
    fingerprint: age >= 0 && age < TICK ? `${fingerprint}~` : fingerprint,
    read(into) {
      try {
        const got = readSync(fd, into, 0, into.length, null);
        received += got;
        return got;
      } catch (error) {
        throw itemError(error, path);
      }
    },
    verify() {
      const now = fstatSync(fd);
      if (received !== stat.size || fingerprintOf(now) !== fingerprint) {
        throw errors.sourceChanged(`${path} changed while it was read: ${stat.size} bytes when opened, ${received} read, ${now.size} now.`);
      }
    },
    close() {
      closeSync(fd);
    },
  };
}

const hasProc = existsSync("/proc/self/fd");
const latin1 = { encoding: "latin1" } as const;

/** A link may have been put in the place of any folder since the listing: what counts is where the opened file really lies. */
function refuseOutside(root: string, path: string, fd: number): void {
  const real = hasProc ? readlinkSync(`/proc/self/fd/${fd}`, latin1) : realpathSync.native(place(root, path), latin1);
  const inside = root === "/" || real.startsWith(`${Buffer.from(root).toString("latin1")}/`);
  if (!inside) throw errors.sourceNotAllowed(`${path} is a link to something outside the source's folder.`);
}

function rootOf(spec: FileSpec): void {
  let real: string;
  try {
    real = realpathSync.native(spec.root);
    closeSync(openSync(real, constants.O_RDONLY | constants.O_DIRECTORY));
  } catch (error) {
    throw itemError(error, spec.uri);
  }
  if (real !== spec.root) throw errors.sourceNotAllowed(`${spec.uri} has become a link to another folder.`);
}

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
