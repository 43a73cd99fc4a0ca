import { setTimeout as pause } from "node:timers/promises";
import { errors, failureType, messageOf } from "../../../../config/errors.ts";
import type { Opened } from "../source.ts";
import { fingerprintOf, openedFingerprint, statFile, type Facts } from "./facts.ts";
import { itemError } from "./faults.ts";
import type { Pool } from "./pool.ts";
import { passivePort, patienceOf, placeOf, transfer, type Session, type Transfer } from "./session.ts";

/** What comes on a data connection. @throws SOURCE_UNREACHABLE when it breaks or is silent */
export async function* chunksOf(session: Session, { socket }: Transfer): AsyncGenerator<Buffer> {
  const silence = patienceOf(session);
  const { host } = session.spec;
  const iterator = socket.iterator({ destroyOnReturn: true }) as AsyncIterableIterator<Buffer>;
  try {
    for (;;) {
      const patience = setTimeout(() => socket.destroy(new Error(`nothing has come for ${silence} ms`)), silence);
      const step = await iterator.next().finally(() => clearTimeout(patience));
      if (step.done) return;
      yield step.value;
    }
  } catch (error) {
    throw errors.sourceUnreachable(`The data connection to ${host} broke: ${messageOf(error)}.`, undefined, error);
  } finally {
    socket.destroy();
  }
}

/** Times a file is opened again without one more byte of it; pauses of 0.2 to 1.6 s. */
const RESUMES = 4;
const BACKOFF = 200;

/** A file on its way. */
interface Running {
  session: Session;
  transfer: Transfer;
  chunks: AsyncGenerator<Buffer>;
  facts: Facts;
}

/**
 * Opens a file for reading. It goes on where it stood when a connection is lost, provided that the file is still the same.
 * @throws SOURCE_MISSING, SOURCE_DENIED, SOURCE_ITEM_UNSUPPORTED, SOURCE_UNREACHABLE
 */
export async function openFile(pool: Pool, path: string, from: number, signal: AbortSignal | undefined): Promise<Opened> {
  let running: Running | undefined = await start(pool, path, from, signal);
  /** The session, once the server has said that everything was sent. */
  let finished: Session | undefined;
  let ended = false;
  const { facts } = running;
  const { size } = facts;
  let rest: Buffer = Buffer.alloc(0);
  let came = from;
  let resumes = 0;
  const leave = () => {
    for (const session of [running?.session, finished]) session?.control.end(signal!.reason as Error);
  };
  signal?.addEventListener("abort", leave, { once: true });

  const compare = (now: Facts, read: number) => {
    if (fingerprintOf(now) === fingerprintOf(facts) && read === size) return;
    throw errors.sourceChanged(
      `${path} changed while it was read: ${fingerprintOf(facts)} when opened, ${fingerprintOf(now)} now; ${came} of ${size} bytes were read.`,
    );
  };

  /** What comes next; undefined at the end. */
  const next = async (): Promise<Buffer | undefined> => {
    while (!ended) {
      try {
        if (!running) {
          running = await start(pool, path, came, signal);
          compare(running.facts, size);
        }
        const step = await running.chunks.next();
        if (!step.done) return step.value;
        await running.transfer.done();
        if (came < size) throw errors.sourceUnreachable(`${path} broke off at ${came} of ${size} bytes.`);
        ended = true;
        finished = running.session;
      } catch (error) {
        signal?.throwIfAborted();
        await giveBack(pool, running);
        running = undefined;
        // All of it has come; only the server's last word has not.
        ended = came === size;
        const fault = itemError(error, path, errors.sourceUnreachable);
        if (!ended && (failureType(fault) !== "SOURCE_UNREACHABLE" || resumes++ === RESUMES)) throw fault;
        if (!ended) await pause(BACKOFF * 2 ** (resumes - 1), undefined, { ...(signal && { signal }) });
      }
    }
    return undefined;
  };

  return {
    size,
    modifiedAt: facts.modified,
    fingerprint: openedFingerprint(facts),
    async read(into) {
      let filled = 0;
      while (filled < into.length) {
        if (!rest.length) {
          // More than the size is not asked for: `verify` tells that it has grown.
          const more = came <= size ? await next() : undefined;
          if (!more) break;
          resumes = 0;
          came += more.length;
          rest = more;
        }
        const part = rest.subarray(0, into.length - filled);
        into.set(part, filled);
        filled += part.length;
        rest = rest.subarray(part.length);
      }
      return filled;
    },
    async verify() {
      try {
        // Whoever reads no more than the size has not seen the end.
        if (came === size && !rest.length) await next();
        const now = await (finished && !finished.control.lost
          ? statFile(finished, path)
          : pool.use((session) => statFile(session, path), signal));
        compare(now, came);
      } catch (error) {
        signal?.throwIfAborted();
        throw itemError(error, path, errors.sourceChanged);
      }
    },
    close() {
      signal?.removeEventListener("abort", leave);
      ended = true;
      if (finished) pool.give(finished);
      else void giveBack(pool, running);
    },
  };
}

/** Gives the session back when it can be used again. */
async function giveBack(pool: Pool, running: Running | undefined): Promise<void> {
  if (!running) return;
  await running.transfer.drop();
  pool.give(running.session);
}

async function start(pool: Pool, path: string, from: number, signal: AbortSignal | undefined): Promise<Running> {
  try {
    const { session, result } = await pool.hold(async (session) => {
      // One round trip where the server bears it.
      const port = session.habits.pipelines ? passivePort(session) : undefined;
      const [facts, waits] = await Promise.all([statFile(session, path), port]);
      const commands = [...(from ? [`REST ${from}`] : []), `RETR ${placeOf(session, path)}`];
      try {
        return { facts, transfer: await transfer(session, commands, signal, waits) };
      } catch (error) {
        // It is there, or it would have had no size.
        throw itemError(error, path, errors.sourceDenied);
      }
    }, signal);
    return { session, ...result, chunks: chunksOf(session, result.transfer) };
  } catch (error) {
    throw failureType(error) === "INTERNAL_ERROR" ? itemError(error, path) : error;
  }
}
