import type { Socket } from "node:net";
import { errors, failureType } from "../../../../config/errors.ts";
import { bytesOf } from "../names.ts";
import { connectTo, silenceOf } from "../reach.ts";
import type { Control } from "./control.ts";
import { accepted, replyOf } from "./faults.ts";
import type { Reply } from "./replies.ts";
import type { FtpSpec } from "./spec.ts";
import { startTls, type Ticket } from "./tls.ts";

/** What has been found out about a server; all sessions of a place share it. */
export interface Habits {
  /** It answers commands that come in one piece. Undefined until it was tried. */
  pipelines?: boolean;
  passive: "EPSV" | "PASV";
  /** It sets the time of a file when it is asked to. */
  setsTimes: boolean;
  /** How it lists folders where it has no MLSD: hidden files too, if it can be told to. */
  lists: "LIST -a" | "LIST";
}

/** A connection that is logged in. One transfer at a time. */
export interface Session {
  readonly spec: FtpSpec;
  readonly control: Control;
  readonly habits: Habits;
  /** What the server offers beyond RFC 959 (FEAT), upper case → its parameters. */
  readonly features: ReadonlyMap<string, string>;
  /** The account's folder, bytes as latin1. */
  readonly home: string;
  readonly ticket: Ticket;
}

/** Where a path of the catalogue lies, absolute, bytes as latin1; "" for the folder of the place itself. */
export function placeOf({ spec: { root }, home }: Session, path: string): string {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString("latin1");
  const top = root.startsWith("/") ? text(Buffer.from(root)) : `${home}/${text(Buffer.from(root))}`;
  return `/${top}/${text(bytesOf(path))}`.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
}

/** @throws Refusal; SOURCE_UNREACHABLE when the session is lost */
export const ask = async ({ control }: Session, command: string): Promise<Reply> => accepted(await control.converse(command).last);

/** Asks several things at once where the server bears that, else one after the other. Refusals are among the answers. */
export async function askAll({ control, habits }: Session, commands: readonly string[]): Promise<Reply[]> {
  if (habits.pipelines) return await Promise.all(together(control, commands));
  const replies: Reply[] = [];
  for (const command of commands) replies.push(await control.converse(command).last);
  return replies;
}

/** Sends commands in one piece. */
export function together(control: Control, commands: readonly string[]): Promise<Reply>[] {
  const { socket } = control;
  socket.cork();
  try {
    return commands.map((command) => control.converse(command).last);
  } finally {
    socket.uncork();
  }
}

/** A data connection and the command that uses it. */
export interface Transfer {
  readonly socket: Socket;
  /**
   * What the server says when all has been sent or taken.
   * @param patience longest wait for it, milliseconds
   * @throws Refusal, SOURCE_UNREACHABLE
   */
  done(patience?: number): Promise<Reply>;
  /** Ends it early. The session can be used again afterwards, unless it is lost. */
  drop(): Promise<void>;
}

/** Longest wait for a server's word on a transfer that was dropped, milliseconds. */
const DROP = 5000;

/**
 * Begins a transfer.
 * @param commands the last one transfers; those before it prepare that
 * @param waits the port that the server waits on, when it was asked already
 * @throws Refusal, SOURCE_UNREACHABLE, SOURCE_DENIED for a certificate that is not trusted
 */
export async function transfer(session: Session, commands: readonly string[], signal?: AbortSignal, waits?: number): Promise<Transfer> {
  const { spec, control, ticket } = session;
  const port = waits ?? (await passivePort(session));
  // To the server itself, whatever address it names: else it could have us connect to others.
  const { remoteAddress } = control.socket;
  const host = spec.proxy || !remoteAddress ? spec.host : `${remoteAddress}:${port}`;
  const raw = await connectTo({ ...spec, host }, signal, port);
  raw.on("error", () => {});
  const secured = spec.tls === "none" ? undefined : startTls(raw, spec, ticket);
  const socket = secured?.socket ?? raw;
  try {
    for (const reply of await askAll(session, commands.slice(0, -1))) accepted(reply);
    const asked = control.converse(commands[commands.length - 1]!, true);
    // Nobody would say how it ended.
    asked.last.catch((why: Error) => socket.destroy(why));
    accepted(await asked.first);
    const drop = async () => {
      socket.destroy();
      asked.due(DROP, true);
      await asked.last.catch(() => {});
    };
    const done = async (patience = silenceOf(spec)) => {
      asked.due(patience);
      return accepted(await asked.last);
    };
    if (secured) {
      // Servers that do not like the data connection's TLS say why on the control connection.
      await Promise.race([secured.ready, asked.last.then(accepted)]).catch(async (error: unknown) => {
        await drop();
        throw failureType(error) === "SOURCE_DENIED" ? error : await asked.last.then(accepted).then(() => error);
      });
      await secured.ready;
    }
    return { socket, done, drop };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Has the server wait for a data connection. @returns the port */
export async function passivePort(session: Session): Promise<number> {
  const { habits, spec } = session;
  if (habits.passive === "EPSV") {
    try {
      const { text } = await ask(session, "EPSV");
      return portOf(spec, text, /\((.)\1\1(\d+)\1\)/.exec(text)?.[2]);
    } catch (error) {
      // By whatever number: some refuse it for all or know it for IPv6 alone.
      if ((replyOf(error) ?? 0) < 500) throw error;
      habits.passive = "PASV";
    }
  }
  const { text } = await ask(session, "PASV");
  const [, high, low] = /\d+,\d+,\d+,\d+,(\d+),(\d+)/.exec(text) ?? [];
  return portOf(spec, text, high && Number(high) * 256 + Number(low));
}

function portOf({ host }: FtpSpec, text: string, found: string | number | undefined): number {
  const port = Number(found);
  if (!(port > 0 && port < 65_536)) throw errors.sourceUnreachable(`${host} names no port for data: ${text.trim()}`);
  return port;
}

/** Longest silence on a data connection, milliseconds. */
export const patienceOf = ({ spec }: Session): number => silenceOf(spec);
