import { errors } from "../../../../config/errors.ts";
import type { Opened } from "../source.ts";
import { orAbort } from "./abort.ts";
import { calls } from "./calls.ts";
import { itemError } from "./faults.ts";
import { fingerprintOf, modifiedAt } from "./files.ts";
import { FIRST, openHandle, type Asked } from "./opening.ts";
import type { Attrs } from "./packets.ts";
import type { Pool } from "./pool.ts";

/** Bytes asked for at a time: what every server gives at once. */
const PIECE = 32 * 1024;
/** Bytes that are under way at the same time: what a connection's window holds. */
const WINDOW = 2 * 1024 * 1024;
/** Times a file is opened again without one more byte of it. */
const RESUMES = 3;

/** A time this near to now may stand for two contents: SFTP gives whole seconds. */
const TICK = 2000;

/**
 * Opens a file for reading. It goes on where it stood when a connection is lost, provided that the file is still the same.
 * @param root real path of the source's folder
 * @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_NOT_ALLOWED, SOURCE_ITEM_UNSUPPORTED, SOURCE_UNREACHABLE
 */
export async function openFile(pool: Pool, root: Buffer, path: string, from: number, signal: AbortSignal | undefined): Promise<Opened> {
  const openAt = async (at: number) => {
    try {
      return await pool.use((session) => openHandle(session, root, path, at, signal), signal);
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
  /** There is more than its size says, as in files that a server makes up. */
  let beyond = false;

  const changed = (now: Attrs) =>
    errors.sourceChanged(`${path} changed while it was read: ${fingerprintOf(attrs)} when opened, ${fingerprintOf(now)} now.`);
  const compare = (now: Attrs) => {
    if (beyond) throw errors.sourceChanged(`${path} holds more than the ${size} bytes that it is said to have.`);
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
    beyond ||= (bytes?.length ?? 0) > next.length;
    if (!next.length) return await take();
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
