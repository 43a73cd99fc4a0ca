import { errors } from "../../../../config/errors.ts";
import type { Opened } from "../source.ts";
import { orAbort } from "./abort.ts";
import { calls } from "./calls.ts";
import { itemError } from "./faults.ts";
import { fingerprintOf, kindOf, modifiedAt, placeOf, refuseOutside } from "./files.ts";
import { flag, type Attrs } from "./packets.ts";
import type { Pool } from "./pool.ts";
import type { Session } from "./session.ts";

/** Asked for with the opening itself, so that a small file costs two round trips. */
const FIRST = 64 * 1024;
/** Bytes asked for at a time: what every server gives at once. */
const PIECE = 32 * 1024;
/** Bytes that are under way at the same time: what a connection's window holds. */
const WINDOW = 2 * 1024 * 1024;
/** Times a file is opened again without one more byte of it. */
const RESUMES = 3;

/** A time this near to now may stand for two contents: SFTP gives whole seconds. */
const TICK = 2000;

interface Asked {
  length: number;
  answer: Promise<Buffer | null>;
}

/** A file open in a session. */
interface Handle {
  session: Session;
  bytes: Buffer;
  attrs: Attrs & { size: number };
  /** Reads that are under way, in order. */
  asked: Asked[];
  /** What the file was after the last of them. */
  after: Promise<Attrs> | undefined;
}

/**
 * Opens a file for reading. It goes on where it stood when a connection is lost, provided that the file is still the same.
 * @param root real path of the source's folder
 * @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_NOT_ALLOWED, SOURCE_ITEM_UNSUPPORTED, SOURCE_UNREACHABLE
 */
export async function openFile(pool: Pool, root: Buffer, path: string, from: number, signal: AbortSignal | undefined): Promise<Opened> {
  const openAt = async (at: number) => {
    try {
      return await pool.use((session) => start(session, root, path, at, signal), signal);
    } catch (error) {
      throw itemError(error, path);
    }
  };
  let handle = await openAt(from);
  const { attrs } = handle;
  const { size } = attrs;
  /** Bytes that `read` has given, that have come, that were asked for. */
  let given = from;
  let came = from;
  let sought = Math.min(size, from + FIRST);
  let rest: Buffer = Buffer.alloc(0);
  let resumes = 0;
  let after: Attrs | undefined;

  const changed = (now: Attrs) =>
    errors.sourceChanged(`${path} changed while it was read: ${fingerprintOf(attrs)} when opened, ${fingerprintOf(now)} now.`);
  const compare = (now: Attrs) => {
    if (fingerprintOf(now) !== fingerprintOf(attrs)) throw changed(now);
  };

  const ask = (at: number, length: number): Asked => {
    const answer = calls.read(handle.session, handle.bytes, at, length);
    answer.catch(() => {});
    return { length, answer };
  };
  const askMore = () => {
    for (let ahead = sought - came; sought < size && ahead < WINDOW;) {
      const length = Math.min(PIECE, size - sought);
      handle.asked.push(ask(sought, length));
      sought += length;
      ahead += length;
      handle.after = undefined;
    }
    if (sought >= size && !handle.after) {
      handle.after = calls.fstat(handle.session, handle.bytes);
      handle.after.catch(() => {});
    }
  };

  /** Takes what comes next of the answers; false at the end. */
  const take = async (): Promise<boolean> => {
    askMore();
    const [next] = handle.asked;
    if (!next) {
      after = await orAbort(handle.after!, signal);
      return false;
    }
    const bytes = await orAbort(next.answer, signal);
    handle.asked.shift();
    if (!bytes?.length) {
      // It has become shorter.
      handle.asked = [];
      sought = size;
      after = await orAbort(calls.fstat(handle.session, handle.bytes), signal);
      return false;
    }
    rest = bytes.subarray(0, next.length);
    came += rest.length;
    resumes = 0;
    if (rest.length < next.length) {
      handle.asked.unshift(ask(came, next.length - rest.length));
      handle.after = undefined;
    }
    return true;
  };

  const resume = async () => {
    const now = await openAt(came);
    calls.close(handle.session, handle.bytes).catch(() => {});
    handle = now;
    sought = Math.min(size, came + FIRST);
    compare(now.attrs);
  };

  const next = async (): Promise<boolean> => {
    for (;;) {
      try {
        return await take();
      } catch (error) {
        signal?.throwIfAborted();
        if (error !== handle.session.lost || resumes++ === RESUMES) throw itemError(error, path);
      }
      await resume();
    }
  };

  return {
    size,
    modifiedAt: modifiedAt(attrs),
    fingerprint: fingerprintOf(attrs) + (Math.abs(Date.now() - (modifiedAt(attrs) ?? 0)) < TICK ? "~" : ""),
    async read(into) {
      let filled = 0;
      while (filled < into.length) {
        if (!rest.length && !(await next())) break;
        const part = rest.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      given += filled;
      if (given >= size && !after) await next();
      return filled;
    },
    verify() {
      if (after) return compare(after);
      return orAbort(calls.fstat(handle.session, handle.bytes), signal).then(compare);
    },
    close() {
      calls.close(handle.session, handle.bytes).catch(() => {});
    },
  };
}

/** Opens a file and asks at once for what it is, for its first bytes and what it is after them: most files end there. */
async function start(session: Session, root: Buffer, path: string, from: number, signal: AbortSignal | undefined): Promise<Handle> {
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
    return { session, bytes, attrs: { ...attrs, size }, asked: length ? [{ length, answer: first }] : [], after };
  } catch (error) {
    close();
    throw error;
  }
}
