import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { pathToFileURL } from "node:url";
import Type from "typebox";
import { errors } from "../../../config/errors.ts";
import { fingerprintOf, isUnchanged, itemError, place } from "./disk.ts";
import { fileDestination } from "./file/destination.ts";
import { isBelow, realPathOf } from "./file/pinned.ts";
import { checkRoot } from "./file/root.ts";
import { parseFolder } from "./folder.ts";
import { timeOf, type Opened, type Source, type SourceKind, type Spec } from "./source.ts";
import { walk } from "./walk.ts";

export interface FileSpec extends Spec {
  kind: "file";
  /** Real path of the folder. */
  root: string;
}

const access = Type.Object({}, { additionalProperties: false });

/** A folder of this machine, or one that is mounted on it. */
export default {
  kind: "file",
  schemes: ["file"],
  example: "file:///folder",
  access,
  async parse(uri, _access, { roots, purpose }): Promise<FileSpec> {
    const root = await parseFolder(uri, roots, purpose === "write");
    return { kind: "file", uri: pathToFileURL(root).href, host: "", root };
  },
  guarantee: "exact",
  open: fileSource,
  openDestination: fileDestination,
  contentTag: () => null,
  // Reading a file again costs little here, and its content says more than its times.
  moveTag: () => null,
} satisfies SourceKind<FileSpec, typeof access>;

/**
 * Source in a folder of this machine. Everything is synchronous and meant for a worker thread, where that is two to three times
 * faster than promises.
 */
function fileSource(spec: FileSpec): Source {
  return {
    parallel: 1,

    check() {
      return new Promise((resolve) => resolve(checkRoot(spec.root)));
    },

    *list(signal, after) {
      checkRoot(spec.root);
      for (const page of walk(spec.root, after)) {
        signal?.throwIfAborted();
        yield page;
      }
    },

    open(path, _signal, from = 0) {
      let fd: number | undefined;
      try {
        // Non-blocking, or opening a named pipe would wait for a writer.
        fd = openSync(place(spec.root, path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
        refuseOutside(spec.root, path, fd);
        return opened(fd, path, from);
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

function opened(fd: number, path: string, from: number): Opened {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw errors.sourceUnsupported(`${path} is not a regular file.`);
  const fingerprint = fingerprintOf(stat);
  const age = Math.abs(Date.now() - stat.ctimeMs);
  let at = from;
  return {
    size: stat.size,
    modifiedAt: timeOf(stat.mtimeMs),
    // Written a moment ago: the mark makes the next run read it again, whatever its times say then.
    fingerprint: age < TICK ? `${fingerprint}~` : fingerprint,
    read(into) {
      try {
        const got = readSync(fd, into, 0, into.length, at);
        at += got;
        return got;
      } catch (error) {
        throw itemError(error, path);
      }
    },
    verify() {
      const now = fstatSync(fd);
      if (at !== stat.size || !isUnchanged(stat, now)) {
        throw errors.sourceChanged(`${path} changed while it was read: ${stat.size} bytes when opened, read to ${at}, ${now.size} now.`);
      }
    },
    close() {
      closeSync(fd);
    },
  };
}

/** A link may have been put in the place of any folder since the listing: what counts is where the opened file really lies. */
function refuseOutside(root: string, path: string, fd: number): void {
  if (isBelow(root, realPathOf(fd, place(root, path)))) return;
  throw errors.sourceNotAllowed(`${path} is a link to something outside the source's folder.`);
}
