import { setTimeout as pause } from "node:timers/promises";
import { errors } from "../../../../config/errors.ts";
import { orAbort } from "./abort.ts";
import { wasDropped, type Connect } from "./connect.ts";
import type { Session } from "./session.ts";

/** A few connections to one place, made when they are needed. */
export interface Pool {
  /**
   * Does work on the session that has the least to do. If that is lost meanwhile the work is done again on another, after a pause that
   * grows: it must bear that.
   * @throws what connecting and `work` throw; the signal's reason
   */
  use<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T>;
  close(): void;
}

/** More than one is for servers far away: each gets a window of its own. */
const LIMIT = 2;
/** Open files from which on a session counts as busy. */
const BUSY = 24;
/** Times that lost work is begun again; pauses of 0.2 to 3.2 s. */
const AGAIN = 5;
const BACKOFF = 200;
/** After this long without work connections are closed. */
const IDLE = 60_000;
/** A server that refused one more connection is not asked for it again for this long. */
const MODEST = 60_000;

export function poolOf(connect: Connect): Pool {
  const closing = new AbortController();
  let sessions: Session[] = [];
  let opening: Promise<Session> | undefined;
  let modestUntil = 0;
  let working = 0;
  const idle = setTimeout(() => {
    if (working || sessions.some(({ handles }) => handles)) return void idle.refresh();
    leave("It was not used any more.");
  }, IDLE);
  idle.unref();

  const leave = (why: string) => {
    for (const session of sessions) session.end(errors.sourceUnreachable(why));
    sessions = [];
  };
  const open = async () => {
    try {
      const session = await connect(closing.signal);
      sessions.push(session);
      return session;
    } finally {
      opening = undefined;
    }
  };
  const take = async (): Promise<Session> => {
    closing.signal.throwIfAborted();
    sessions = sessions.filter(({ lost }) => !lost);
    const best = sessions.reduce<Session | undefined>((a, b) => (a && a.handles <= b.handles ? a : b), undefined);
    if (!best) return await (opening ??= open());
    if (best.handles >= BUSY && !opening && sessions.length < LIMIT && Date.now() > modestUntil) {
      opening = open();
      // The others go on without it.
      opening.catch(() => (modestUntil = Date.now() + MODEST));
    }
    return best;
  };

  return {
    async use(work, signal) {
      working++;
      idle.refresh();
      try {
        for (let times = 0; ; times++) {
          let session: Session | undefined;
          try {
            session = await orAbort(take(), signal);
            return await orAbort(work(session), signal);
          } catch (error) {
            signal?.throwIfAborted();
            closing.signal.throwIfAborted();
            const mayPass = session ? session.lost === error : times > 0 ? isUnreachable(error) : wasDropped(error);
            if (!mayPass || times === AGAIN) throw error;
          }
          // Its own way of being aborted would hide the signal's reason.
          await pause(BACKOFF * 2 ** times, undefined, { signal }).catch(() => {});
        }
      } finally {
        working--;
      }
    },
    close() {
      clearTimeout(idle);
      const why = errors.sourceUnreachable("The place was closed.");
      closing.abort(why);
      leave(why.message);
    },
  };
}

const isUnreachable = (error: unknown) => (error as { type?: unknown }).type === "SOURCE_UNREACHABLE";
