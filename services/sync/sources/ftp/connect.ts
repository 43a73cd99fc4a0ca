import { errors, messageOf } from "../../../../config/errors.ts";
import { connectTo, silenceOf } from "../reach.ts";
import { markFull, startControl, type Control } from "./control.ts";
import { accepted, refusal, replyOf, wordsOf } from "./faults.ts";
import type { Reply } from "./replies.ts";
import { ask, askAll, together, type Habits, type Session } from "./session.ts";
import type { FtpSpec } from "./spec.ts";
import { startTls, type Ticket } from "./tls.ts";

/**
 * Opens a connection and logs in.
 * @throws SOURCE_DENIED for a login or a certificate that is refused, or when TLS was asked for and the server has none; SOURCE_UNREACHABLE
 * (see `isFull` too); SOURCE_NOT_ALLOWED
 */
export async function connect(spec: FtpSpec, habits: Habits, signal: AbortSignal): Promise<Session> {
  const session = await logIn(spec, habits, signal);
  if (habits.pipelines !== undefined || (await answersTwo(session))) return session;
  session.control.end(errors.sourceUnreachable(`${spec.host} does not answer commands that come in one piece.`));
  return await logIn(spec, habits, signal);
}

async function logIn(spec: FtpSpec, habits: Habits, signal: AbortSignal): Promise<Session> {
  const { host, tls } = spec;
  const ticket: Ticket = {};
  const raw = await connectTo(spec, signal);
  const secured = tls === "implicit" ? startTls(raw, spec, ticket) : undefined;
  const leave = () => control.end(signal.reason as Error);
  const control = startControl(secured?.socket ?? raw, host, silenceOf(spec));
  signal.addEventListener("abort", leave, { once: true });
  try {
    await secured?.ready;
    await control.greeting.then(accepted).catch((error: unknown) => {
      throw replyOf(error)
        ? markFull(errors.sourceUnreachable(`${host} takes nobody in: ${messageOf(error)}`, undefined, error))
        : hint(error, spec);
    });
    if (tls === "explicit") await goSecure(control, spec, ticket);
    await giveName(control, spec);
    if (tls !== "none") await protectData(control, host);
    const features = featuresOf(await control.converse("FEAT").last);
    const session = { spec, control, habits, features, ticket, home: "/" };
    await ask(session, "TYPE I");
    const wishes = ["OPTS UTF8 ON", ...(facts(features) ? [`OPTS MLST ${facts(features)}`] : [])];
    await askAll(session, wishes);
    return spec.root.startsWith("/") ? session : { ...session, home: await folderOf(session) };
  } catch (error) {
    control.end(error as Error);
    throw error;
  } finally {
    signal.removeEventListener("abort", leave);
  }
}

function hint(error: unknown, { host, tls }: FtpSpec): Error {
  if (tls === "implicit" || !/said nothing/.test(messageOf(error))) return error as Error;
  return errors.sourceUnreachable(`${messageOf(error)} If ${host} speaks TLS from the first byte, set implicit.`, undefined, error);
}

async function goSecure(control: Control, spec: FtpSpec, ticket: Ticket): Promise<void> {
  const reply = await control.converse("AUTH TLS").last;
  if (reply.code !== 234) {
    const make = reply.code < 500 ? errors.sourceUnreachable : errors.sourceDenied;
    throw make(`${spec.host} refuses TLS: ${wordsOf(reply)} Nothing was sent in the clear.`);
  }
  const { socket, ready } = startTls(control.socket, spec, ticket);
  control.upgrade(socket);
  await ready;
}

/** 530 is for a wrong password and, with some servers, for one connection too many. */
const noRoom = /too many|max(imum)?\b|limit|try (again )?later/i;

async function giveName(control: Control, { host, username, password, tls }: FtpSpec): Promise<void> {
  const bytes = (text: string) => Buffer.from(text).toString("latin1");
  const who = username ?? "anonymous";
  let reply = await control.converse(`USER ${bytes(who)}`).last;
  if (reply.code === 331) reply = await control.converse(`PASS ${bytes(password ?? (username === undefined ? "anonymous@" : ""))}`).last;
  if (reply.code >= 200 && reply.code < 300) return;
  const words = wordsOf(reply);
  if (reply.code < 500 || noRoom.test(words)) {
    throw markFull(errors.sourceUnreachable(`${host} does not let ${who} in now: ${words}`, undefined, refusal(reply)));
  }
  const advice = tls === "none" && /\b(tls|ssl|encrypt|secure|cleartext)/i.test(words) ? " Use ftps://." : "";
  throw errors.sourceDenied(`${host} does not let ${who} in: ${words}${advice}`, undefined, refusal(reply));
}

async function protectData(control: Control, host: string): Promise<void> {
  await control.converse("PBSZ 0").last;
  const reply = await control.converse("PROT P").last;
  if (reply.code >= 300) throw errors.sourceDenied(`${host} refuses TLS for data: ${wordsOf(reply)} Nothing is sent in the clear.`);
}

function featuresOf({ code, text }: Reply): Map<string, string> {
  if (code >= 300) return new Map();
  const lines = text.split("\n").slice(1, -1);
  return new Map(
    lines.map((line) => {
      const [, name = "", parameters = ""] = /^\s*(\S+)\s*(.*)$/.exec(line) ?? [];
      return [name.toUpperCase(), parameters];
    }),
  );
}

/** The facts to switch on for MLSD and MLST, "" when all that are offered are on ('*', RFC 3659 section 7.8). */
function facts(features: ReadonlyMap<string, string>): string {
  const offered = (features.get("MLST") ?? "").split(";").map((fact) => fact.trim().toLowerCase());
  const wanted = ["type", "size", "modify", "unique"].filter((fact) => offered.some((name) => name === fact || name === `${fact}*`));
  return wanted.every((fact) => offered.includes(`${fact}*`)) ? "" : `${wanted.join(";")};`;
}

/** The folder that the session is in (RFC 959: in quotes, those in it doubled). */
export async function folderOf(session: Session): Promise<string> {
  const { text } = await ask(session, "PWD");
  const folder = /^[^"]*"((?:[^"]|"")*)"/.exec(text)?.[1]?.replaceAll('""', '"');
  if (folder?.startsWith("/")) return folder;
  throw errors.sourceUnsupported(`${session.spec.host} names folders in a way that is not understood: ${text.trim()}`);
}

/** How long the answer to a second command may take, milliseconds. */
const SECOND = 3000;

/** Tries whether the server reads on after a command: a few throw away what came with it. */
async function answersTwo({ control, habits }: Session): Promise<boolean> {
  const [first, second] = together(control, ["NOOP", "NOOP"]);
  await first;
  const patience = Promise.withResolvers<undefined>();
  const timer = setTimeout(patience.resolve, SECOND, undefined);
  const answered = await Promise.race([second, patience.promise]).finally(() => clearTimeout(timer));
  habits.pipelines = answered !== undefined;
  return habits.pipelines;
}
