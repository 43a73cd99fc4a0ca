import { errors } from "../../../../config/errors.ts";
import { timeOf } from "../source.ts";
import { accepted, isUnknown } from "./faults.ts";
import type { Reply } from "./replies.ts";
import { ask, askAll, placeOf, type Session } from "./session.ts";

/** What a server tells of a file. */
export interface Facts {
  size: number;
  /** Milliseconds since 1970. */
  modified: number;
  /** The server's own mark of this file (MLST's "unique"), "" when it has none. */
  unique: string;
}

export type Kind = "file" | "folder" | "link" | "other";

/** Time and mark are the parts that a listing and an opened file are sure to have in common: seconds, not what is below them. */
export const fingerprintOf = ({ size, modified, unique }: Facts): string =>
  [size.toString(36), Math.floor(modified / 1000).toString(36), ...(unique ? [unique] : [])].join(".");

/** A time this near to now may stand for two contents: FTP gives whole seconds. */
const TICK = 2000;
/** The fingerprint of an opened file: the mark makes the next run read it again, whatever its time says then. */
export const openedFingerprint = (facts: Facts): string => fingerprintOf(facts) + (Math.abs(Date.now() - facts.modified) < TICK ? "~" : "");

/** YYYYMMDDHHMMSS and perhaps a fraction, UTC (RFC 3659 section 2.3), in milliseconds. */
export function readTime(text: string): number | undefined {
  const [, year, month, day, hour, minute, second, fraction = ""] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(?:\.(\d{1,3}))?/.exec(text.trim()) ?? [];
  if (!year) return undefined;
  const time = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
    Number(fraction.padEnd(3, "0")),
  );
  return timeOf(time) ?? undefined;
}

export const writeTime = (time: number): string => new Date(time).toISOString().replace(/[-T:]|\..*$/g, "");

export const hasMlst = ({ features }: Session): boolean => features.has("MLST");

/** What is known of an entry before the server is asked for the rest. */
export interface Listed {
  kind: Kind;
  size?: number;
  modified?: number;
  unique?: string;
}

/** The facts of a line of MLSD or MLST: "name=value;…". */
export function readFacts(text: string): Listed & { self: boolean } {
  const facts = new Map<string, string>();
  for (const fact of text.split(";")) {
    const at = fact.indexOf("=");
    if (at > 0) facts.set(fact.slice(0, at).trim().toLowerCase(), fact.slice(at + 1));
  }
  const type = (facts.get("type") ?? "").toLowerCase();
  const size = facts.get("size");
  const modified = readTime(facts.get("modify") ?? "");
  return {
    kind: kinds[type] ?? (/^os\.unix=(slink|symlink)/.test(type) ? "link" : "other"),
    self: type === "cdir" || type === "pdir",
    ...(size && /^\d+$/.test(size) && { size: Number(size) }),
    ...(modified !== undefined && { modified }),
    unique: facts.get("unique") ?? "",
  };
}
const kinds: Record<string, Kind> = { file: "file", dir: "folder", cdir: "folder", pdir: "folder" };

/**
 * What a file is now. Links are looked through.
 * @throws Refusal when there is none of that name, SOURCE_ITEM_UNSUPPORTED when it is none
 */
export async function statFile(session: Session, path: string): Promise<Facts> {
  if (!hasMlst(session)) return await complete(session, path, { kind: "file" });
  const { text } = await ask(session, `MLST ${placeOf(session, path)}`);
  const line = text.split("\n").find((line) => line.includes("=")) ?? "";
  const found = readFacts(/^\s*(\S*) /.exec(line)?.[1] ?? "");
  if (found.kind === "link") return await complete(session, path, { kind: "file" });
  if (found.kind !== "file") throw errors.sourceUnsupported(`${path} is not a regular file.`);
  return await complete(session, path, found);
}

const questions = ({ size, modified }: Listed, place: string) => [
  ...(size === undefined ? [`SIZE ${place}`] : []),
  ...(modified === undefined ? [`MDTM ${place}`] : []),
];

/** Asks for what is missing. @throws as `statFile` */
export async function complete(session: Session, path: string, listed: Listed): Promise<Facts> {
  const replies = await askAll(session, questions(listed, placeOf(session, path)));
  return factsOf(session, listed, replies);
}

/** Asks for what is missing of many files. @returns their facts, or why there are none, in their order */
export async function completeAll(session: Session, files: readonly { path: string; listed: Listed }[]): Promise<(Facts | Error)[]> {
  const asked = files.map(({ path, listed }) => questions(listed, placeOf(session, path)));
  const replies = await askAll(session, asked.flat());
  let at = 0;
  return files.map(({ listed }, i) => {
    const mine = replies.slice(at, (at += asked[i]!.length));
    try {
      return factsOf(session, listed, mine);
    } catch (error) {
      return error as Error;
    }
  });
}

function factsOf({ spec }: Session, { size, modified, unique = "" }: Listed, replies: Reply[]): Facts {
  const texts = replies.map((reply) => {
    if (isUnknown(reply.code)) {
      throw errors.sourceUnsupported(
        `${spec.host} tells neither by MLST nor by SIZE and MDTM what a file is: whether it has changed can't be known.`,
      );
    }
    return accepted(reply).text.trim();
  });
  const sized = size ?? Number(/^\d+/.exec(texts.shift() ?? "")?.[0]);
  const timed = modified ?? readTime(texts.shift() ?? "");
  if (Number.isSafeInteger(sized) && timed !== undefined) return { size: sized, modified: timed, unique };
  throw errors.sourceUnreachable(`${spec.host} answers SIZE and MDTM with something else: ${replies.map(({ text }) => text).join(", ")}`);
}
