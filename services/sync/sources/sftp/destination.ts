import { setTimeout as pause } from "node:timers/promises";
import { PART_LIFE, refuseUnnameable } from "../part.ts";
import type { Destination } from "../source.ts";
import { orAbort } from "./abort.ts";
import { calls } from "./calls.ts";
import { connector } from "./connect.ts";
import { itemError } from "./faults.ts";
import { placeOf } from "./files.ts";
import { makeRoot } from "./folders.ts";
import { poolOf } from "./pool.ts";
import { removeFile } from "./remove.ts";
import { rootOf } from "./root.ts";
import type { SftpSpec } from "./spec.ts";
import { startUpload } from "./upload.ts";
import { walk } from "./walk.ts";
import { writeFile } from "./writing.ts";

/** A check waits this long for what killed writers have left to be cleared; the rest is done while others write. */
const CLEARING = 10_000;

/**
 * Destination in a folder on a server that speaks SFTP. On servers with OpenSSH's extensions (fsync, posix-rename) what it says it has
 * written is on the disk, and a file is replaced in one step; on others between the old and the new one there is a moment without any.
 */
export function sftpDestination(spec: SftpSpec): Destination {
  const pool = poolOf(connector(spec));
  const closing = new AbortController();
  const root = rootOf(pool, spec);

  const clear = async (folder: Buffer) => {
    const left: string[] = [];
    const onPart = (path: string, modifiedAt: number | null) => {
      if (Date.now() - (modifiedAt ?? Date.now()) > PART_LIFE) left.push(path);
    };
    const pages = walk(pool, folder, { signal: closing.signal, onPart });
    while (!(await pages.next()).done);
    for (const path of left) {
      // Its writer has just finished, or it is not ours to remove.
      await pool.use((session) => calls.remove(session, placeOf(folder, path)).catch(() => {}), closing.signal);
    }
  };

  return {
    // Each waits for five answers, one after the other.
    parallel: 32,

    async check(signal) {
      try {
        await pool.use((session) => makeRoot(session, spec.root), signal);
        const folder = await orAbort(root.look(), signal);
        const probe = await startUpload(pool, folder, "", spec.uri, signal);
        await probe.drop();
        await orAbort(Promise.race([clear(folder).catch(() => {}), pause(CLEARING, undefined, { ref: false })]), signal);
      } catch (error) {
        throw itemError(error, spec.uri);
      }
    },

    async write(writing, signal) {
      signal?.throwIfAborted();
      refuseUnnameable(writing.path);
      return { fingerprint: await writeFile(pool, await orAbort(root.known(), signal), writing, signal) };
    },

    async remove(path, signal) {
      signal?.throwIfAborted();
      refuseUnnameable(path);
      try {
        const folder = await orAbort(root.known(), signal);
        await pool.use((session) => removeFile(session, folder, path), signal);
      } catch (error) {
        throw itemError(error, path);
      }
    },

    close() {
      closing.abort();
      pool.close();
    },
  };
}
