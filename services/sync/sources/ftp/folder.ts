import { errors } from "../../../../config/errors.ts";
import { nameOfBytes } from "../names.ts";
import { complete, hasMlst, type Facts, type Listed } from "./facts.ts";
import { replyOf } from "./faults.ts";
import { readList, readMlsd, type Line } from "./lines.ts";
import { chunksOf } from "./reading.ts";
import type { Reply } from "./replies.ts";
import { ask, placeOf, transfer, type Session } from "./session.ts";
import { folderOf } from "./connect.ts";

/** What lies in a folder. */
export interface Item extends Listed {
  /** As in the catalogue; a folder's ends in '/'. */
  name: string;
  /** Of a folder that is reached by a link: where it really lies, bytes as latin1. */
  real?: string;
  /** Why it is none that can be fetched. */
  refusal?: Error;
  /** What it stands for may be more than itself: the rest of the folder is not known. */
  hides?: boolean;
}

/** Entries that a folder may have: they are held in memory while it is walked. */
const MOST = 2_000_000;

/**
 * Reads a folder, in no order, parts of uploads too. Links are asked what they lead to.
 * @param path of the catalogue, ends in '/'; "" for the folder of the place itself
 * @throws Refusal, SOURCE_UNREACHABLE, SOURCE_DENIED when it may not be read
 */
export async function readFolder(session: Session, path: string, signal?: AbortSignal): Promise<Item[]> {
  await ask(session, `CWD ${placeOf(session, path)}`);
  const { lines, odd } = await (hasMlst(session) ? readLines(session, "MLSD", signal) : readPlain(session, signal));
  const items: Item[] = [];
  for (const line of lines) {
    if (!line.self) items.push(line.kind === "link" ? await follow(session, path, line) : itemOf(line));
  }
  if (odd !== undefined) items.push(oddItem(session, path, odd));
  return items;
}

async function readPlain(session: Session, signal?: AbortSignal): Promise<Lines> {
  const { habits } = session;
  if (habits.lists === "LIST -a") {
    try {
      const found = await readLines(session, habits.lists, signal);
      // At least itself: nothing is what servers list that take the option for a name.
      if (found.lines.length || found.odd !== undefined) return found;
    } catch (error) {
      if (replyOf(error) === undefined) throw error;
    }
  }
  const found = await readLines(session, "LIST", signal);
  if (found.lines.length) habits.lists = "LIST";
  return found;
}

interface Lines {
  lines: Line[];
  /** The first line that could not be read. */
  odd?: string;
}

/** Tries whether a folder can be listed, however large it is. @throws as `readFolder` */
export async function checkFolder(session: Session, path: string, signal?: AbortSignal): Promise<void> {
  await ask(session, `CWD ${placeOf(session, path)}`);
  const running = await transfer(session, [hasMlst(session) ? "MLSD" : "LIST"], signal);
  const { done } = await chunksOf(session, running).next();
  if (done) refuseClosed(session, await running.done());
  else await running.drop();
}

/** Some servers list nothing where they may not, and say so only at the end. vsftpd: "226 Transfer done (but failed to open directory)." */
function refuseClosed({ spec }: Session, { text }: Reply): void {
  if (!/fail|denied|permission|cannot|can't|unable/i.test(text)) return;
  throw errors.sourceDenied(`${spec.host} does not list the folder: ${text.trim()}`);
}

async function readLines(session: Session, command: string, signal?: AbortSignal): Promise<Lines> {
  const found: Lines = { lines: [] };
  const readLine = command === "MLSD" ? readMlsd : readList;
  const take = (text: string) => {
    const line = text.replace(/\r$/, "");
    if (!line.trim() || /^total \d+$/.test(line)) return;
    const read = readLine(line);
    if (read) found.lines.push(read);
    else found.odd ??= line;
    if (found.lines.length > MOST) throw errors.sourceUnsupported(`A folder of ${session.spec.host} has more than ${MOST} entries.`);
  };
  const running = await transfer(session, [command], signal);
  try {
    let rest = "";
    for await (const chunk of chunksOf(session, running)) {
      const parts = (rest + chunk.toString("latin1")).split("\n");
      rest = parts.pop()!;
      for (const part of parts) take(part);
      if (rest.length > 65_536) throw errors.sourceUnsupported(`${session.spec.host} lists lines of more than 65,536 bytes.`);
    }
    take(rest);
  } catch (error) {
    await running.drop();
    throw error;
  }
  const reply = await running.done();
  if (!found.lines.length) refuseClosed(session, reply);
  return found;
}

const nameOfText = (latin1: string): string => nameOfBytes(Buffer.from(latin1, "latin1"));

function itemOf({ name: text, kind, size, modified, unique }: Line): Item {
  const name = nameOfText(text);
  const listed = {
    kind,
    ...(size !== undefined && { size }),
    ...(modified !== undefined && { modified }),
    ...(unique !== undefined && { unique }),
  };
  // A name like this would lead elsewhere wherever it is written to; no honest server has one.
  if (name.includes("/")) {
    const refusal = errors.sourceUnsupported(`The FTP server lists the name ${JSON.stringify(name)}, which is none.`);
    return { kind: "other", name: name.replaceAll("/", "%2F"), refusal };
  }
  return { ...listed, name: kind === "folder" ? `${name}/` : name };
}

function oddItem({ spec }: Session, path: string, line: string): Item {
  const shown = JSON.stringify(nameOfText(line.slice(0, 200)));
  const refusal = errors.sourceUnsupported(
    `${spec.host} lists ${path || "its folder"} with a line that is not understood (a line break in a name makes one): ${shown}.`,
  );
  return { kind: "other", name: nameOfText(line.slice(0, 200)).replaceAll("/", "%2F"), refusal, hides: true };
}

/** A link to a file is a file, one to a folder a folder; what it leads to is asked once. */
async function follow(session: Session, path: string, line: Line): Promise<Item> {
  const { name } = itemOf({ ...line, kind: "file" });
  const target = await refused(complete(session, path + name, { kind: "file" }));
  if (target) return { kind: "file", name, ...(target satisfies Facts) };
  const real = await refused(ask(session, `CWD ${placeOf(session, path + name)}`).then(() => folderOf(session)));
  if (real !== undefined) return { kind: "folder", name: `${name}/`, real };
  const refusal = errors.sourceMissing(`${path}${name} is a link to nothing, or out of the account's reach.`);
  return { kind: "other", name, refusal };
}

async function refused<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (replyOf(error) !== undefined) return undefined;
    throw error;
  }
}
