import type { Socket } from "node:net";
import { errors, messageOf } from "../../../../config/errors.ts";
import { wordsOf } from "./faults.ts";
import { replyParser, type Reply } from "./replies.ts";

/** A command on its way. */
export interface Asked {
  /** What the server says first: of a transfer that it begins (1xx), of anything else how it ended. */
  first: Promise<Reply>;
  /** How it ended. */
  last: Promise<Reply>;
  /**
   * The server's last word is due within so many milliseconds.
   * @param dropped its data connection was closed early: whatever comes next is the last word (Pure-FTPd ends with a 150 then)
   */
  due(patience: number, dropped?: boolean): void;
}

/** The conversation with a server. Commands may be asked while others are unanswered: see `Session.askAll`. */
export interface Control {
  readonly socket: Socket;
  /** Why it ended, once it has: nothing that is asked will be answered any more. */
  readonly lost: Error | undefined;
  /** What the server says before it is asked anything. */
  readonly greeting: Promise<Reply>;
  /**
   * @param command bytes as latin1
   * @param transfers between its first reply and its last as much time may pass as `due` allows
   * @throws SOURCE_ITEM_UNSUPPORTED when it holds what would end it early
   */
  converse(command: string, transfers?: boolean): Asked;
  /** Goes on over TLS. @throws SOURCE_UNREACHABLE when the server has spoken on in the clear */
  upgrade(socket: Socket): void;
  /** @param why what unanswered questions are told */
  end(why: Error): void;
}

interface Question {
  first: PromiseWithResolvers<Reply>;
  last: PromiseWithResolvers<Reply>;
  transfers: boolean;
  /** The server has begun; what it says next comes when that is over. */
  flowing: boolean;
  dropped: boolean;
}

/** Servers that said they have no room for one more connection: a later try may get through. */
const full = new WeakSet<Error>();
export const isFull = (error: unknown): boolean => full.has(error as Error);
export function markFull(error: Error): Error {
  full.add(error);
  return error;
}

/**
 * @param host for messages
 * @param silence longest wait for a reply, milliseconds
 */
export function startControl(socket: Socket, host: string, silence: number): Control {
  const questions: Question[] = [];
  let lost: Error | undefined;

  const end = (why: Error) => {
    if (lost) return;
    lost = why;
    clearTimeout(watch);
    socket.destroy();
    for (const { first, last } of questions.splice(0)) {
      first.reject(why);
      last.reject(why);
    }
  };
  const watch = setTimeout(() => {
    const [question] = questions;
    if (question && !(question.transfers && question.flowing)) end(errors.sourceUnreachable(`${host} has said nothing for ${silence} ms.`));
  }, silence);
  watch.unref();

  const hear = (reply: Reply) => {
    watch.refresh();
    const [question] = questions;
    // The server hangs up (RFC 959 section 4.2.1), whatever was asked.
    if (reply.code === 421) {
      return end(markFull(errors.sourceUnreachable(`${host} hangs up: ${wordsOf(reply).replace(/\.?$/, ".")}`)));
    }
    // Taken for an answer to what is asked next, it would put all that follow in the wrong place.
    if (!question) return end(errors.sourceUnreachable(`${host} speaks without being asked: ${wordsOf(reply)}`));
    question.first.resolve(reply);
    question.flowing = reply.code < 200 && !question.dropped;
    if (question.flowing) return;
    questions.shift();
    question.last.resolve(reply);
  };
  const parser = replyParser(hear);

  const heard = (chunk: Buffer) => {
    try {
      if (!lost) parser.cut(chunk);
    } catch (error) {
      end(errors.sourceUnreachable(`${host} does not speak FTP: ${messageOf(error)}.`, undefined, error));
    }
  };
  const failed = (error: Error) => end(errors.sourceUnreachable(`${host}: ${messageOf(error)}.`, undefined, error));
  const closed = () => end(errors.sourceUnreachable(`${host} closed the connection.`));
  const attach = () => socket.on("data", heard).on("error", failed).once("end", closed).once("close", closed);
  attach();

  const question = (transfers = false): Asked => {
    if (!questions.length) watch.refresh();
    const asked: Question = { first: Promise.withResolvers(), last: Promise.withResolvers(), transfers, flowing: false, dropped: false };
    for (const { promise } of [asked.first, asked.last]) promise.catch(() => {});
    questions.push(asked);
    const due = (patience: number, dropped = false) => {
      asked.dropped = dropped;
      const late = () => end(errors.sourceUnreachable(`${host} has said nothing for ${patience} ms.`));
      const timer = setTimeout(late, patience);
      asked.last.promise.catch(() => {}).finally(() => clearTimeout(timer));
    };
    return { first: asked.first.promise, last: asked.last.promise, due };
  };

  return {
    get socket() {
      return socket;
    },
    get lost() {
      return lost;
    },
    greeting: question().last,
    converse(command, transfers) {
      if (/[\r\n\0]/.test(command)) {
        throw errors.sourceUnsupported(`A name with a line break or a NUL can't be asked for over FTP: ${JSON.stringify(command)}.`);
      }
      if (lost) throw lost;
      const asked = question(transfers);
      socket.write(`${command}\r\n`, "latin1");
      return asked;
    },
    upgrade(secure) {
      // Whoever sits between could have put the start of a reply before the first one that comes over TLS.
      if (parser.pending()) end(errors.sourceUnreachable(`${host} went on in the clear when TLS was to begin.`));
      if (lost) throw lost;
      socket.off("data", heard).off("end", closed).off("close", closed);
      socket = secure;
      attach();
    },
    end,
  };
}
