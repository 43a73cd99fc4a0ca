import { errors } from "../../../../config/errors.ts";
import { partName } from "../part.ts";
import { calls, statusOf } from "./calls.ts";
import { fingerprintOf, kindOf, placeOf, refuseOutside } from "./files.ts";
import { makeFolder, removeEmpty } from "./folders.ts";
import { flag, status } from "./packets.ts";
import type { Pool } from "./pool.ts";
import type { Session } from "./session.ts";

/** A file that is written beside its place, in one session: what was sent before that is lost is gone. */
export interface Upload {
  session: Session;
  write(at: number, bytes: Uint8Array): Promise<void>;
  /** Puts it in place: content, time and name. @returns its fingerprint there */
  commit(modifiedAt: number | null): Promise<string>;
  /** Nothing stays of it, nor of folders that were made for it. */
  drop(): Promise<void>;
}

/** Times a folder is made again when others remove it, empty as it is, before there is a file in it. */
const VANISHES = 5;
/** SFTP's times are unsigned, of 32 bits. */
const LATEST = 2 ** 32 - 1;

/**
 * @param folder path below the root, "" for itself; made when it is missing
 * @param path of the file, for its place and for messages
 * @throws SOURCE_NOT_ALLOWED when a link leads out of the root; SOURCE_MISSING for the root; SOURCE_ITEM_UNSUPPORTED; Refusal
 */
export async function startUpload(
  pool: Pool,
  root: Buffer,
  folder: string,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Upload> {
  const part = placeOf(root, folder ? `${folder}/${partName()}` : partName());
  const { session, handle } = await pool.use((session) => create(session, root, folder, part, signal), signal);
  let open = true;
  let placed = false;
  const close = () => {
    open = false;
    return calls.close(session, handle);
  };
  return {
    session,
    write: (at, bytes) => calls.write(session, handle, at, bytes),
    async commit(modifiedAt) {
      const seconds = modifiedAt === null ? -1 : Math.floor(modifiedAt / 1000);
      // Asked for together, answered in order.
      const [, , attrs] = await Promise.all([
        // Where the server will not set times it has its own.
        seconds >= 0 && seconds <= LATEST ? calls.setTime(session, handle, seconds).catch(bear) : undefined,
        session.extensions.has("fsync@openssh.com") ? calls.flush(session, handle) : undefined,
        calls.fstat(session, handle),
        close(),
      ]);
      await replace(session, part, placeOf(root, path), path);
      placed = true;
      return fingerprintOf(attrs);
    },
    async drop() {
      if (placed) return;
      const remove = async (session: Session) => {
        await calls.remove(session, part).catch(bear);
        await removeEmpty(session, root, folder);
      };
      if (open) close().catch(() => {});
      // Without its session another clears up; nobody waits for it.
      if (session.lost) pool.use(remove).catch(() => {});
      else await remove(session).catch(() => {});
    },
  };
}

const bear = (error: unknown) => {
  if (statusOf(error) === undefined) throw error;
};

async function create(session: Session, root: Buffer, folder: string, part: Buffer, signal: AbortSignal | undefined) {
  for (let times = 0; ; times++) {
    const real = calls.real(session, placeOf(root, folder));
    real.catch(() => {});
    let handle: Buffer;
    try {
      handle = await calls.open(session, part, flag.write | flag.create | flag.exclusive);
    } catch (error) {
      if (statusOf(error) !== status.missing || times === VANISHES) throw error;
      await makeFolder(session, root, folder);
      continue;
    }
    try {
      refuseOutside(root, folder, await real);
      signal?.throwIfAborted();
      return { session, handle };
    } catch (error) {
      calls.close(session, handle).catch(() => {});
      await calls.remove(session, part).catch(bear);
      throw error;
    }
  }
}

/** Gives a part its name, over what has it. */
async function replace(session: Session, part: Buffer, place: Buffer, path: string): Promise<void> {
  try {
    if (session.extensions.has("posix-rename@openssh.com")) return await calls.replace(session, part, place);
    try {
      return await calls.rename(session, part, place);
    } catch (error) {
      // Version 3 knows no other way to replace a file.
      if (statusOf(error) !== status.failure) throw error;
      await calls.remove(session, place);
      await calls.rename(session, part, place);
    }
  } catch (error) {
    const attrs = statusOf(error) === status.failure ? await calls.lstat(session, place).catch(() => ({})) : {};
    if (kindOf(attrs) === "folder")
      throw errors.sourceUnsupported(`${path} is a folder there; a file can't take its place.`, undefined, error);
    throw error;
  }
}
