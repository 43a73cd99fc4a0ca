import { errors } from "../../../../config/errors.ts";
import { bytesOf } from "../names.ts";
import { calls, statusOf } from "./calls.ts";
import { kindOf, placeOf } from "./files.ts";
import { status } from "./packets.ts";
import type { Session } from "./session.ts";

/** The folder of a path below the root, "" for the root. */
export const folderOf = (path: string): string => path.slice(0, Math.max(path.lastIndexOf("/"), 0));

/**
 * Makes a folder below a root, and those above it that are missing.
 * @throws SOURCE_MISSING for the root, which is not made anew here: a disk that is no longer mounted leaves a hole of the same name;
 * SOURCE_ITEM_UNSUPPORTED where a file is in the way; Refusal
 */
export async function makeFolder(session: Session, root: Buffer, folder: string): Promise<void> {
  if (!folder) throw errors.sourceMissing("The folder that is written to is not there any more.");
  try {
    await calls.makeFolder(session, placeOf(root, folder));
  } catch (error) {
    if (statusOf(error) === status.missing) {
      await makeFolder(session, root, folderOf(folder));
      // Others may have made it meanwhile, or removed that one.
      await calls.makeFolder(session, placeOf(root, folder)).catch((again: unknown) => refuseFile(session, root, folder, again));
    } else await refuseFile(session, root, folder, error);
  }
}

/** Bears the refusal to make a folder that is there. */
async function refuseFile(session: Session, root: Buffer, folder: string, refusal: unknown): Promise<void> {
  // OpenSSH gives no other reason than failure.
  if (statusOf(refusal) !== status.failure) throw refusal;
  const attrs = await calls.stat(session, placeOf(root, folder)).catch((error: unknown) => {
    throw statusOf(error) === status.missing ? refusal : error;
  });
  if (kindOf(attrs) !== "folder") throw errors.sourceUnsupported(`${folder} is a file there; a folder of that name is needed.`);
}

/**
 * Makes a root that is missing.
 * @param root as in a spec
 */
export async function makeRoot(session: Session, root: string): Promise<void> {
  const above = root.startsWith("/") ? Buffer.from("/") : await calls.real(session, Buffer.from("."));
  const below = root.replace(/^\//, "");
  const exists = await calls.stat(session, below ? placeOf(above, below) : above).catch((error: unknown) => {
    if (statusOf(error) !== status.missing) throw error;
  });
  if (!exists) await makeFolder(session, above, below);
  else if (kindOf(exists) !== "folder") throw errors.sourceUnsupported(`${bytesOf(root).toString()} is a file; a folder was expected.`);
}

/** Removes a folder below a root, and those above it, as long as they are empty. */
export async function removeEmpty(session: Session, root: Buffer, folder: string): Promise<void> {
  for (let at = folder; at; at = folderOf(at)) {
    try {
      await calls.removeFolder(session, placeOf(root, at));
    } catch (error) {
      // Not empty, gone, or a link: the rest stays.
      if (statusOf(error) !== undefined) return;
      throw error;
    }
  }
}
