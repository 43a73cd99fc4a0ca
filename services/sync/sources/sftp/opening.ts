import { errors } from "../../../../config/errors.ts";
import { calls } from "./calls.ts";
import { kindOf, placeOf, refuseOutside } from "./files.ts";
import { flag, type Attrs } from "./packets.ts";
import type { Session } from "./session.ts";

/** Bytes that are asked for with the opening itself, so that a small file costs two round trips. */
export const FIRST = 64 * 1024;

export interface Asked {
  length: number;
  answer: Promise<Buffer | null>;
}

/** A file open in a session. */
export interface Handle {
  session: Session;
  bytes: Buffer;
  attrs: Attrs & { size: number };
  /** Reads that are under way, in order. */
  asked: Asked[];
  /** What the file was after the last of them. */
  after: Promise<Attrs> | undefined;
}

/** Opens a file and asks at once for what it is, for its first bytes and what it is after them: most files end there. */
export async function openHandle(
  session: Session,
  root: Buffer,
  path: string,
  from: number,
  signal: AbortSignal | undefined,
): Promise<Handle> {
  const place = placeOf(root, path);
  // A link may have been put in the place of any folder since the listing.
  const real = calls.real(session, place);
  real.catch(() => {});
  const bytes = await calls.open(session, place, flag.read);
  const close = () => void calls.close(session, bytes).catch(() => {});
  try {
    refuseOutside(root, path, await real);
    const stat = calls.fstat(session, bytes);
    const first = calls.read(session, bytes, from, FIRST);
    const after = calls.fstat(session, bytes);
    for (const answer of [stat, first, after]) answer.catch(() => {});
    const attrs = await stat;
    signal?.throwIfAborted();
    const { size } = attrs;
    if (attrs.mode !== undefined && kindOf(attrs) !== "file") throw errors.sourceUnsupported(`${path} is not a regular file.`);
    if (size === undefined) throw errors.sourceUnsupported(`The SFTP server does not tell the size of ${path}.`);
    const length = Math.min(FIRST, Math.max(size - from, 0));
    return { session, bytes, attrs: { ...attrs, size }, asked: [{ length, answer: first }], after };
  } catch (error) {
    close();
    throw error;
  }
}
