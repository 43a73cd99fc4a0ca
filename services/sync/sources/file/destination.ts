import { measured } from "../measured.ts";
import { partName, refuseUnnameable } from "../part.ts";
import { nameOf, type Destination } from "../source.ts";
import { clearParts } from "./clear.ts";
import { writeError } from "./faults.ts";
import { folderOf, removeEmpty, removeFile } from "./remove.ts";
import { makeRoot } from "./root.ts";
import { startUpload } from "./upload.ts";

/**
 * Destination in a folder of this machine. What it says it has written survives a power cut: content, name and the folders above it are on
 * the disk then. Links are followed only to places inside the root.
 */
export function fileDestination({ root }: { root: string }): Destination {
  return {
    // Syncs that are waited for together cost little more than one.
    parallel: 8,

    async check(signal) {
      signal?.throwIfAborted();
      makeRoot(root);
      startUpload(root, "", partName()).close();
      await clearParts(Buffer.from(root), signal);
    },

    async write(writing, signal) {
      const { path, modifiedAt } = writing;
      signal?.throwIfAborted();
      refuseUnnameable(path);
      const upload = startUpload(root, folderOf(path), path);
      let fingerprint: string | undefined;
      try {
        for await (const bytes of measured(writing, signal)) upload.write(bytes);
        fingerprint = await upload.commit(nameOf(path), modifiedAt);
        return { fingerprint };
      } finally {
        upload.close();
        if (!fingerprint) await removeEmpty(root, folderOf(path)).catch(() => {});
      }
    },

    async remove(path, signal) {
      signal?.throwIfAborted();
      refuseUnnameable(path);
      try {
        await removeFile(root, path);
      } catch (error) {
        throw writeError(error, path);
      }
    },

    close() {},
  };
}
