import { errors, failureType } from "../../../../config/errors.ts";
import { measured } from "../measured.ts";
import type { Writing } from "../source.ts";
import { orAbort } from "./abort.ts";
import { calls, statusOf } from "./calls.ts";
import { itemError } from "./faults.ts";
import { folderOf } from "./folders.ts";
import { status } from "./packets.ts";
import type { Pool } from "./pool.ts";
import { startUpload, type Upload } from "./upload.ts";

/** Bytes sent at a time: what every server takes. */
const PIECE = 32 * 1024;
/** Bytes sent that the server has not taken yet. */
const WINDOW = 1024 * 1024;

/**
 * Writes a file whole or not at all.
 * @param root real path
 * @returns its fingerprint as it is listed
 * @throws as `Destination.write`
 */
export async function writeFile(pool: Pool, root: Buffer, writing: Writing, signal: AbortSignal | undefined): Promise<string> {
  const { path, size } = writing;
  let upload: Upload | undefined;
  let sent = 0;
  try {
    upload = await startUpload(pool, root, folderOf(path), path, signal);
    for await (const at of pump(upload, writing, signal)) sent = at;
    return await orAbort(upload.commit(writing.modifiedAt), signal);
  } catch (error) {
    const full = statusOf(error) === status.failure && (await isFull(pool, root, size - sent));
    await upload?.drop();
    signal?.throwIfAborted();
    if (full) throw errors.sourceFull(`${path}: there is no room for it.`, undefined, error);
    throw failureType(error) === "INTERNAL_ERROR" ? itemError(error, path) : error;
  }
}

/** Sends the bytes; yields how many the server has taken. */
async function* pump(upload: Upload, writing: Writing, signal: AbortSignal | undefined): AsyncGenerator<number> {
  const flying: { to: number; answer: Promise<void> }[] = [];
  let at = 0;
  let taken = 0;
  const land = async () => {
    const { to, answer } = flying.shift()!;
    await orAbort(answer, signal);
    taken = to;
  };
  for await (const bytes of measured(writing, signal)) {
    for (let from = 0; from < bytes.byteLength; from += PIECE) {
      const piece = bytes.subarray(from, from + PIECE);
      const answer = upload.write(at, piece);
      answer.catch(() => {});
      at += piece.byteLength;
      flying.push({ to: at, answer });
      while (at - taken > WINDOW) await land();
    }
    yield taken;
  }
  while (flying.length) await land();
  yield taken;
}

/** OpenSSH says of a full disk that it failed, as of most things. */
async function isFull(pool: Pool, root: Buffer, needed: number): Promise<boolean> {
  try {
    return await pool.use(async (session) => {
      if (!session.extensions.has("statvfs@openssh.com")) return false;
      const { bytes, files } = await calls.free(session, root);
      return bytes < needed || files === 0;
    });
  } catch {
    return false;
  }
}
