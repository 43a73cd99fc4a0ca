import { closeSync, constants, fstatSync, fsync, futimesSync, openSync, renameSync, unlinkSync, writeSync } from "node:fs";
import { promisify } from "node:util";
import { fingerprintOf } from "../disk.ts";
import { partName } from "../part.ts";
import { codeOf, onDisk, writeError } from "./faults.ts";
import { pin, type Pinned } from "./pinned.ts";

const sync = promisify(fsync);

/** A file that is written beside its place. Failures come in the sources' vocabulary. */
export interface Upload {
  write(bytes: Uint8Array): void;
  /** Puts it in place, on the disk: content, time and name. @returns its fingerprint there */
  commit(name: string, modifiedAt: number | null): Promise<string>;
  /** Closes it; unless it was put in place nothing stays of it. Call once, in the end. */
  close(): void;
}

/**
 * Starts a file in a folder below a root, which is made when it is missing.
 * @param path for messages
 */
export function startUpload(root: string, folder: string, path: string): Upload {
  const { pinned, at, fd } = onDisk(path, () => create(root, folder));
  let placed = false;
  return {
    write(bytes) {
      onDisk(path, () => {
        for (let done = 0; done < bytes.byteLength;) done += writeSync(fd, bytes, done);
      });
    },
    async commit(name, modifiedAt) {
      try {
        if (modifiedAt !== null) futimesSync(fd, new Date(), modifiedAt / 1000);
        await sync(fd);
        renameSync(at, pinned.at(name));
        placed = true;
        // Not before: the renaming sets the ctime.
        const fingerprint = fingerprintOf(fstatSync(fd));
        await sync(pinned.fd);
        return fingerprint;
      } catch (error) {
        throw writeError(error, path);
      }
    },
    close() {
      closeSync(fd);
      try {
        if (!placed) unlinkSync(at);
      } catch {
        // Whatever the failure was, it is known already; a check clears the part a day from now.
      } finally {
        pinned.close();
      }
    },
  };
}

/** Times the folder is made again when others remove it, empty as it is, before there is a file in it. */
const VANISHES = 5;
const NEW = constants.O_CREAT | constants.O_EXCL | constants.O_WRONLY | constants.O_NOFOLLOW;

function create(root: string, folder: string): { pinned: Pinned; at: string | Buffer; fd: number } {
  for (let attempt = 1; ; attempt++) {
    let pinned: Pinned | undefined;
    try {
      pinned = pin(root, folder, true);
      const at = pinned.at(partName());
      return { pinned, at, fd: openSync(at, NEW, 0o666) };
    } catch (error) {
      pinned?.close();
      if (codeOf(error) !== "ENOENT" || attempt === VANISHES) throw error;
    }
  }
}
