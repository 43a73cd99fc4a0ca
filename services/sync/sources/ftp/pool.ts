import { setTimeout as pause } from "node:timers/promises";
import { errors, failureType } from "../../../../config/errors.ts";
import { orAbort } from "../sftp/abort.ts";
import { connect } from "./connect.ts";
import { isFull } from "./control.ts";
import type { Habits, Session } from "./session.ts";
import type { FtpSpec } from "./spec.ts";

/** A few connections to one place, made when they are needed. Each does one thing at a time. */
export interface Pool {
  /** As `hold`, and the session is given back. */
  use<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /**
   * Does work on a session that is free, and keeps that for the caller, who gives it back. If it is lost meanwhile the work is done again on
   * another, after a pause that grows: it must bear that. An aborted signal ends the session, and with it the wait.
   * @throws what connecting and `work` throw; the signal's reason
   */
  hold<T>(work: (session: Session) => Promise<T>, signal?: AbortSignal): Promise<{ session: Session; result: T }>;
  give(session: Session): void;
  close(): void;
}

/** Times that lost work is begun again; pauses of 0.2 to 3.2 s. */
const AGAIN = 5;
const BACKOFF = 200;
/** A connection that is not used for so long is closed: servers count them. Milliseconds. */
const IDLE = 20_000;
/** A server that refused one more connection is not asked for it again for this long. Milliseconds. */
const MODEST = 60_000;

export function poolOf(spec: FtpSpec): Pool {
  const closing = new AbortController();
  const habits: Habits = { passive: "EPSV", setsTimes: true, lists: "LIST -a" };
  const all = new Set<Session>();
  let idle: { session: Session; since: number }[] = [];
  const waiting: (() => void)[] = [];
  let opening = 0;
  let limit = spec.connections;
  let modestUntil = 0;

  const sweep = setInterval(() => {
    for (const { session, since } of idle) if (Date.now() - since > IDLE) leave(session, "It was not used any more.");
  }, IDLE / 4);
  sweep.unref();

  const leave = (session: Session, why: string) => {
    session.control.end(errors.sourceUnreachable(why));
    all.delete(session);
    idle = idle.filter((one) => one.session !== session);
  };
  const open = async (): Promise<Session> => {
    opening++;
    try {
      const session = await connect(spec, habits, closing.signal);
      all.add(session);
      return session;
    } finally {
      opening--;
    }
  };
  const take = async (signal: AbortSignal | undefined): Promise<Session> => {
    for (;;) {
      signal?.throwIfAborted();
      closing.signal.throwIfAborted();
      const free = idle.pop()?.session;
      if (free && !free.control.lost) return free;
      for (const session of all) if (session.control.lost) all.delete(session);
      if (free) continue;
      if (Date.now() > modestUntil) limit = spec.connections;
      if (all.size + opening < limit) {
        const opened = open();
        try {
          return await orAbort(opened, signal);
        } catch (error) {
          // Whoever waits for one next can have it.
          if (signal?.aborted) opened.then(give, () => {});
          if (!isFull(error) || !(all.size + opening)) throw error;
          // It is content with those that are there.
          limit = Math.max(1, all.size + opening);
          modestUntil = Date.now() + MODEST;
        }
      }
      await turn(signal);
    }
  };
  const turn = (signal: AbortSignal | undefined): Promise<void> =>
    new Promise((resolve, reject) => {
      const called = () => {
        signal?.removeEventListener("abort", left);
        resolve();
      };
      const left = () => {
        waiting.splice(waiting.indexOf(called), 1);
        reject(signal!.reason as Error);
      };
      signal?.addEventListener("abort", left, { once: true });
      waiting.push(called);
    });
  const give = (session: Session) => {
    if (session.control.lost) all.delete(session);
    else idle.push({ session, since: Date.now() });
    waiting.shift()?.();
  };

  const hold: Pool["hold"] = async (work, signal) => {
    for (let times = 0; ; times++) {
      let session: Session | undefined;
      try {
        session = await take(signal);
        return { session, result: await endedBy(signal, session, work) };
      } catch (error) {
        const lost = session?.control.lost;
        if (session) give(session);
        else waiting.shift()?.();
        signal?.throwIfAborted();
        closing.signal.throwIfAborted();
        const mayPass = session ? lost === error : isFull(error) || (times > 0 && failureType(error) === "SOURCE_UNREACHABLE");
        if (!mayPass || times === AGAIN) throw error;
      }
      await pause(BACKOFF * 2 ** times, undefined, { ...(signal && { signal }) });
    }
  };

  return {
    hold,
    give,
    async use(work, signal) {
      const { session, result } = await hold(work, signal);
      give(session);
      return result;
    },
    close() {
      clearInterval(sweep);
      const why = "The place was closed.";
      closing.abort(errors.sourceUnreachable(why));
      for (const session of all) leave(session, why);
      for (const called of waiting.splice(0)) called();
    },
  };
}

async function endedBy<T>(signal: AbortSignal | undefined, session: Session, work: (session: Session) => Promise<T>): Promise<T> {
  const leave = () => session.control.end(signal!.reason as Error);
  signal?.addEventListener("abort", leave, { once: true });
  try {
    signal?.throwIfAborted();
    return await work(session);
  } finally {
    signal?.removeEventListener("abort", leave);
  }
}
