import { closeSync, constants, existsSync, fstatSync, openSync, readlinkSync, readSync, realpathSync } from "node:fs";
import { errors } from "../../../config/errors.ts";
import { fingerprintOf, itemError, place } from "./disk.ts";
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

/** File systems stamp times with the kernel's tick: a write this soon after another may leave all of them as they were. */
const TICK = 20;

function opened(fd: number, path: string): Opened {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw errors.sourceUnsupported(`${path} is not a regular file.`);
  const fingerprint = fingerprintOf(stat);
  const age = Math.abs(Date.now() - stat.ctimeMs);
  let received = 0;
  return {
    size: stat.size,
    modifiedAt: timeOf(stat.mtimeMs),
    // Written a moment ago: the mark makes the next run read it again, whatever its times say then.
    fingerprint: age < TICK ? `${fingerprint}~` : fingerprint,
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
