import type { Socket } from "node:net";
import type { ClientChannel } from "ssh2";
import { errors, messageOf } from "../../../../config/errors.ts";
import { messages } from "./messages.ts";
import { fieldsOf, packet, type, type Field, type Fields } from "./packets.ts";

export interface Answer {
  kind: number;
  fields: Fields;
}

/** One SFTP conversation: many questions may be open at the same time. */
export interface Session {
  /** What the server can do beyond version 3: name → version. */
  readonly extensions: ReadonlyMap<string, string>;
  /** Files and folders that are open. */
  handles: number;
  /** Why it ended, once it has: nothing asked of it will be answered any more. */
  readonly lost: Error | undefined;
  /** @param patience longest silence while this is open, milliseconds; the session's when unset */
  ask(kind: number, fields: readonly Field[], patience?: number): Promise<Answer>;
  /** @param why what questions that are still open are told */
  end(why: Error): void;
}

interface Question {
  resolve: (answer: Answer) => void;
  reject: (error: Error) => void;
  patience: number;
}

/**
 * Starts SFTP on a channel.
 * @param sock what the channel's connection runs over; it is destroyed when the session ends
 * @param host for messages
 * @param silence longest silence while a question is open, milliseconds
 * @throws SOURCE_UNREACHABLE when the server says nothing or something else
 */
export async function startSession(channel: ClientChannel, sock: Socket, host: string, silence: number): Promise<Session> {
  const questions = new Map<number, Question>();
  const extensions = new Map<string, string>();
  let lost: Error | undefined;
  let heard = Date.now();
  let next = 0;
  let outbox: Buffer[] = [];

  const end = (why: Error) => {
    if (lost) return;
    lost = why;
    clearInterval(watch);
    // Closing in order would wait for an answer.
    sock.destroy();
    for (const { reject } of questions.values()) reject(why);
    questions.clear();
  };
  const watch = setInterval(() => {
    let patience = silence;
    for (const question of questions.values()) patience = Math.max(patience, question.patience);
    if (questions.size && Date.now() - heard > patience) end(errors.sourceUnreachable(`${host} has been silent for ${patience} ms.`));
  }, silence / 4);
  watch.unref();

  // What is asked in one turn of the event loop travels in one SSH packet: sealing and sending each costs more than the packet itself.
  const send = () => {
    const parts = outbox;
    outbox = [];
    if (lost) return;
    // ssh2 writes a packet's head, body and seal one by one: corked they leave together.
    sock.cork();
    channel.write(parts.length === 1 ? parts[0]! : Buffer.concat(parts));
    sock.uncork();
  };
  const post = (bytes: Buffer) => {
    if (outbox.push(bytes) === 1) setImmediate(send);
  };

  let started: Question | undefined;
  const hear = (message: Buffer) => {
    const kind = message[0]!;
    if (kind === type.version) {
      for (const fields = fieldsOf(message, 5); fields.more();) {
        extensions.set(fields.string().toString("latin1"), fields.string().toString("latin1"));
      }
      return started?.resolve({ kind, fields: fieldsOf(message, 1) });
    }
    const id = message.readUInt32BE(1);
    const question = questions.get(id);
    // Before the answer is acted on: the next question may take the number.
    questions.delete(id);
    question?.resolve({ kind, fields: fieldsOf(message, 5) });
  };
  const cut = messages(hear);
  channel.on("data", (chunk: Buffer) => {
    heard = Date.now();
    try {
      cut(chunk);
    } catch (error) {
      end(errors.sourceUnreachable(`${host} does not speak SFTP as expected: ${messageOf(error)}.`, undefined, error));
    }
  });
  // Shells greet on it where SFTP is not what was started.
  channel.stderr.resume();
  const ended = () => end(errors.sourceUnreachable(`${host} ended the SFTP session.`));
  channel.once("close", ended).once("end", ended);
  channel.on("error", (error: Error) => end(errors.sourceUnreachable(`${host}: ${messageOf(error)}.`, undefined, error)));

  const ask = (kind: number, fields: readonly Field[], patience = silence) => {
    if (lost) return Promise.reject(lost);
    if (!questions.size) heard = Date.now();
    next = (next + 1) % 2 ** 32;
    post(packet(kind, next, fields));
    return new Promise<Answer>((resolve, reject) => questions.set(next, { resolve, reject, patience }));
  };

  const version = new Promise<Answer>((resolve, reject) => {
    started = { resolve, reject, patience: silence };
    questions.set(-1, started);
  });
  // INIT has the version where others have their number.
  post(packet(type.init, 3, []));
  await version;
  questions.delete(-1);

  return {
    extensions,
    handles: 0,
    get lost() {
      return lost;
    },
    ask,
    end,
  };
}
