import { fsync, rmdirSync, unlinkSync } from "node:fs";
import { promisify } from "node:util";
import { nameOf } from "../source.ts";
import { codeOf } from "./faults.ts";
import { pin } from "./pinned.ts";

const sync = promisify(fsync);

/** The folder of a path below the root, "" for the root. */
export const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/** Removes a file, on the disk, and the folders that it leaves empty. One that is not there counts as removed. */
export async function removeFile(root: string, path: string): Promise<void> {
  // A folder of that name is not what is to be removed.
  await take(root, path, unlinkSync, ["ENOENT", "ENOTDIR", "EISDIR"]);
  await removeEmpty(root, folderOf(path));
}

/** Removes a folder, and those above it below the root, as long as they are empty. */
export async function removeEmpty(root: string, folder: string): Promise<void> {
  for (let at = folder; at; at = folderOf(at)) {
    // Not empty, gone, or a link: the rest stays.
    if (!(await take(root, at, rmdirSync, ["ENOTEMPTY", "EEXIST", "ENOENT", "ENOTDIR", "EBUSY"]))) return;
  }
}

async function take(root: string, path: string, remove: (at: string | Buffer) => void, expected: string[]): Promise<boolean> {
  let parent;
  try {
    parent = pin(root, folderOf(path));
    remove(parent.at(nameOf(path)));
    await sync(parent.fd);
    return true;
  } catch (error) {
    if (expected.includes(codeOf(error) ?? "")) return false;
    throw error;
  } finally {
    parent?.close();
  }
}
