import { errors, failureType } from "../../../../config/errors.ts";
import { statFile } from "./facts.ts";
import { itemError, refusedIsFine, replyOf } from "./faults.ts";
import { ask, placeOf, type Session } from "./session.ts";

/** The folder of a path below the root, "" for the root. */
export const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/** Removes a file and the folders that it leaves empty. One that is not there counts as removed. @throws SOURCE_DENIED, SOURCE_UNREACHABLE */
export async function removeFile(session: Session, path: string): Promise<void> {
  try {
    await ask(session, `DELE ${placeOf(session, path)}`);
  } catch (error) {
    if (replyOf(error) === undefined) throw error;
    if (await isFile(session, path)) throw itemError(error, path, errors.sourceDenied);
  }
  await removeEmpty(session, folderOf(path));
}

/** Removes a folder, and those above it below the root, as long as the server says that they are empty. */
export async function removeEmpty(session: Session, folder: string): Promise<void> {
  for (let at = folder; at; at = folderOf(at)) {
    if (!(await ask(session, `RMD ${placeOf(session, at)}`).catch(refusedIsFine))) return;
  }
}

export async function isFile(session: Session, path: string): Promise<boolean> {
  try {
    await statFile(session, path);
    return true;
  } catch (error) {
    if (replyOf(error) === undefined && failureType(error) !== "SOURCE_ITEM_UNSUPPORTED") throw error;
    return false;
  }
}
