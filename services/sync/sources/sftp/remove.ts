import { calls, statusOf } from "./calls.ts";
import { kindOf, placeOf, refuseOutside } from "./files.ts";
import { folderOf, removeEmpty } from "./folders.ts";
import { status } from "./packets.ts";
import type { Session } from "./session.ts";

/**
 * Removes a file and the folders that it leaves empty. One that is not there counts as removed, and a folder of that name is not what is
 * to be removed.
 * @throws SOURCE_NOT_ALLOWED when a link leads out of the root; Refusal
 */
export async function removeFile(session: Session, root: Buffer, path: string): Promise<void> {
  const folder = folderOf(path);
  try {
    if (folder) refuseOutside(root, folder, await calls.real(session, placeOf(root, folder)));
    await calls.remove(session, placeOf(root, path));
  } catch (error) {
    if (statusOf(error) === status.missing) return;
    if (statusOf(error) === status.failure && (await isFolder(session, placeOf(root, path)))) return;
    throw error;
  }
  await removeEmpty(session, root, folder);
}

async function isFolder(session: Session, place: Buffer): Promise<boolean> {
  try {
    return kindOf(await calls.lstat(session, place)) === "folder";
  } catch {
    return false;
  }
}
