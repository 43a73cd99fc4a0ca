import { errors, failureType } from "../../../../config/errors.ts";
import { nameOfBytes } from "../names.ts";
import { isPart } from "../part.ts";
import { calls, statusOf, type Named } from "./calls.ts";
import { Items } from "./items.ts";
import { isWithin, kindOf, placeOf, refuseOutside, type Kind } from "./files.ts";
import { status, type Attrs } from "./packets.ts";
import type { Session } from "./session.ts";

/** What a folder holds: one entry of it. */
export interface Item {
  /** A folder's ends in '/'. */
  name: string;
  kind: Kind | "part";
  size?: number | undefined;
  /** Seconds since 1970. */
  modified?: number | undefined;
  /** A link leads there. */
  linked?: true;
  /** Why it can't be fetched. */
  refusal?: Error;
}

/** Questions for a large folder's next entries that are open at the same time; OpenSSH answers a hundred entries to each. */
const QUESTIONS = 4;
/** Links that are followed at the same time; as many wait for that in memory. */
const LINKS = 64;

/**
 * What is in a folder, in order; links stand for what they lead to. SFTP tells size and time with the names, so nothing else is asked for
 * one by one.
 * @param root real path
 * @param prefix path below it, "" or with '/' at its end
 * @throws Refusal for the folder; SOURCE_UNREACHABLE
 */
export async function itemsIn(session: Session, root: Buffer, prefix: string, signal: AbortSignal | undefined): Promise<Items> {
  const items = new Items();
  let links: Item[] = [];
  const followLinks = async () => {
    signal?.throwIfAborted();
    await Promise.all(links.map((item) => follow(session, root, prefix, item)));
    for (const item of links) items.add(item);
    links = [];
  };
  try {
    for await (const found of entriesIn(session, placeOf(root, prefix.slice(0, -1)))) {
      signal?.throwIfAborted();
      for (const { name, line, attrs } of found) {
        const item = itemOf(nameOfBytes(name), kindOf(attrs, line), attrs);
        if (item?.kind === "link") links.push(item);
        else if (item) items.add(item);
        if (links.length === LINKS) await followLinks();
      }
    }
    await followLinks();
  } catch (error) {
    items.close();
    throw error;
  }
  return items;
}

async function* entriesIn(session: Session, folder: Buffer): AsyncGenerator<Named[]> {
  const handle = await calls.openFolder(session, folder);
  try {
    const asked: Promise<Named[] | null>[] = [];
    // A small folder is one answer and the word that this was all.
    for (let questions = 2; ; questions = QUESTIONS) {
      while (asked.length < questions) {
        const question = calls.readFolder(session, handle);
        question.catch(() => {});
        asked.push(question);
      }
      const found = await asked.shift();
      if (!found) return;
      yield found;
    }
  } finally {
    calls.close(session, handle).catch(() => {});
  }
}

function itemOf(name: string, kind: Kind, { size, modified }: Attrs): Item | undefined {
  if (name === "." || name === "..") return undefined;
  const item = { name, kind, size, modified };
  // A name like this would lead elsewhere wherever it is written to; no honest server has one.
  if (!name || /[/\0]/.test(name)) {
    const refusal = errors.sourceUnsupported(`The SFTP server lists the name ${JSON.stringify(name)}, which is none.`);
    return { ...item, name: name.replaceAll("/", "%2F").replaceAll("\0", "%00") || "%", kind: "other", refusal };
  }
  if (isPart(name)) return { ...item, kind: "part" };
  return kind === "folder" ? { ...item, name: `${name}/` } : item;
}

/** Makes an item what its link leads to. */
async function follow(session: Session, root: Buffer, prefix: string, item: Item): Promise<void> {
  const path = prefix + item.name;
  const place = placeOf(root, path);
  item.linked = true;
  try {
    const reality = calls.real(session, place);
    reality.catch(() => {});
    const attrs = await calls.stat(session, place);
    item.kind = kindOf(attrs);
    item.size = attrs.size;
    item.modified = attrs.modified;
    // Where a folder lies is looked at when it is entered.
    if (item.kind === "folder") item.name += "/";
    else refuseOutside(root, path, await reality);
  } catch (error) {
    if (session.lost) throw error;
    item.kind = "other";
    item.refusal =
      statusOf(error) === status.missing ? errors.sourceMissing(`${path} is a link to nothing.`, undefined, error) : (error as Error);
  }
}

/**
 * Where a link to a folder leads.
 * @param from real path of the folder that the link is in
 * @throws SOURCE_NOT_ALLOWED when it leads out of the root, SOURCE_ITEM_UNSUPPORTED when it leads in a circle
 */
export async function linkedFolder(session: Session, root: Buffer, path: string, from: Buffer): Promise<Buffer> {
  const real = await calls.real(session, placeOf(root, path.slice(0, -1)));
  refuseOutside(root, path, real);
  if (isWithin(real, from)) throw errors.sourceUnsupported(`${path} is a link to a folder that contains it.`);
  return real;
}

/** Whether an error says something of one entry, not of the connection. */
export const isOfItem = (error: unknown): boolean =>
  statusOf(error) !== undefined || ["SOURCE_NOT_ALLOWED", "SOURCE_ITEM_UNSUPPORTED", "SOURCE_MISSING"].includes(failureType(error));
