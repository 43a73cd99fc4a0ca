import { errors, failureOf } from "../../../../config/errors.ts";
import { bytesOf } from "../names.ts";
import { comparePaths } from "../order.ts";
import { isPart } from "../part.ts";
import { pathProblem, type Entry } from "../source.ts";
import { folderOf } from "./connect.ts";
import { completeAll, fingerprintOf, type Facts, type Listed } from "./facts.ts";
import { itemError, replyOf, saysMissing } from "./faults.ts";
import { readFolder, type Item } from "./folder.ts";
import type { Pool } from "./pool.ts";
import { ask, placeOf } from "./session.ts";

const PAGE = 2000;
/** Files whose times are asked for in one piece. */
const TOGETHER = 100;

/** A folder being walked. */
interface Folder {
  prefix: string;
  /** Where it really lies, bytes as latin1; undefined as long as nobody has to know. */
  real: () => Promise<string>;
  linked: boolean;
  items: Item[];
  next: number;
  /** Those of its folders that are read ahead. */
  ahead: Map<string, Promise<Item[]>>;
}

/** An entry whose time or size is still to be asked for. */
interface Pending {
  path: string;
  listed: Listed;
}

/**
 * Lists what is below a place's folder by the rules of ../walk.ts: byte order of full paths, nothing kept but the open folders' entries, one
 * link at most on the way to any file.
 * @param after only what comes after this path
 * @throws for the folder itself and for the connection; what is in it carries a problem
 */
export async function* listFolder(pool: Pool, ahead: number, signal?: AbortSignal, after = ""): AsyncGenerator<Entry[]> {
  const read = async (path: string) => ordered(await pool.use((session) => readFolder(session, path, signal), signal));
  const skipped = (path: string) => after !== "" && comparePaths(path, after) <= 0 && !(path.endsWith("/") && after.startsWith(path));
  const realOf = async (path: string) =>
    await pool.use(async (session) => {
      await ask(session, `CWD ${placeOf(session, path)}`);
      return await folderOf(session);
    }, signal);
  let reading = 0;
  const readAhead = ({ prefix, items, next, ahead: begun }: Folder) => {
    for (let i = next; i < items.length && reading < ahead && i < next + 8 * ahead; i++) {
      const { name, real } = items[i]!;
      if (!name.endsWith("/") || real !== undefined || begun.has(name) || skipped(prefix + name)) continue;
      reading++;
      const found = read(prefix + name);
      found.catch(() => {});
      begun.set(name, found);
    }
  };
  const enter = async (folder: Folder, { name, real }: Item): Promise<Folder> => {
    const prefix = folder.prefix + name;
    if (real !== undefined) await refuseLink(prefix, real, folder, stack[0]!);
    const begun = folder.ahead.get(name);
    if (folder.ahead.delete(name)) reading--;
    const items = await (begun ?? read(prefix));
    const place = async () => real ?? withSlash(await folder.real()) + bytesOf(name.slice(0, -1)).toString("latin1");
    return { prefix, real: place, linked: real !== undefined || folder.linked, items, next: 0, ahead: new Map() };
  };

  let items: Item[];
  try {
    items = await read("");
  } catch (error) {
    throw itemError(error, "The source's folder");
  }
  let top: Promise<string> | undefined;
  const stack: Folder[] = [{ prefix: "", real: () => (top ??= realOf("")), linked: false, items, next: 0, ahead: new Map() }];
  let page: (Entry | Pending)[] = [];
  while (stack.length) {
    const folder = stack[stack.length - 1]!;
    const item = folder.items[folder.next++];
    if (!item) {
      stack.pop();
      continue;
    }
    const path = folder.prefix + item.name;
    if (skipped(path) || isPart(item.name)) continue;
    try {
      if (item.refusal) throw item.refusal;
      if (item.name.endsWith("/")) {
        readAhead(folder);
        stack.push(await enter(folder, item));
      } else page.push(fileEntry(path, item));
    } catch (error) {
      signal?.throwIfAborted();
      if (replyOf(error) === undefined && !isItems(error)) throw error;
      page.push(problemEntry(path, error, item.hides ? folder.prefix : undefined));
    }
    if (page.length >= PAGE) {
      const full = await settle(pool, page, signal);
      if (full.length) yield full;
      page = [];
    }
  }
  const rest = await settle(pool, page, signal);
  if (rest.length) yield rest;
}

const ordered = (items: Item[]): Item[] => items.sort((a, b) => comparePaths(a.name, b.name));

const isItems = (error: unknown) =>
  ["SOURCE_NOT_ALLOWED", "SOURCE_ITEM_UNSUPPORTED", "SOURCE_MISSING", "SOURCE_DENIED"].includes(failureOf(error).type);

const withSlash = (folder: string) => (folder.endsWith("/") ? folder : `${folder}/`);

/** @throws SOURCE_NOT_ALLOWED, SOURCE_ITEM_UNSUPPORTED */
async function refuseLink(path: string, real: string, folder: Folder, root: Folder): Promise<void> {
  if (!withSlash(real).startsWith(withSlash(await root.real()))) {
    throw errors.sourceNotAllowed(`${path} is a link to a folder outside the source's folder.`);
  }
  if (withSlash(await folder.real()).startsWith(withSlash(real))) {
    throw errors.sourceUnsupported(`${path} is a link to a folder that contains it.`);
  }
  if (folder.linked) throw errors.sourceUnsupported(`${path} is a link to a folder inside a linked folder; one link is followed.`);
}

function fileEntry(path: string, { kind, size, modified, unique = "" }: Item): Entry | Pending {
  if (kind !== "file") throw errors.sourceUnsupported(`${path} is neither a file nor a folder.`);
  const problem = pathProblem(path);
  if (problem) return { path, size: 0, modifiedAt: null, fingerprint: "", problem };
  if (size !== undefined && modified !== undefined) return entryOf(path, { size, modified, unique });
  return { path, listed: { kind, unique, ...(size !== undefined && { size }), ...(modified !== undefined && { modified }) } };
}

const entryOf = (path: string, facts: Facts): Entry => ({
  path,
  size: facts.size,
  modifiedAt: facts.modified,
  fingerprint: fingerprintOf(facts),
});

/** @param hidden the folder that is not known whole */
function problemEntry(path: string, error: unknown, hidden?: string): Entry {
  const { type, message } = failureOf(itemError(error, path, errors.sourceDenied));
  // A refused link hides nothing: what it leads to is not part of the source. A folder that can't be read may hide anything.
  const closed = path.endsWith("/") && type !== "SOURCE_ITEM_UNSUPPORTED" && type !== "SOURCE_NOT_ALLOWED";
  const hides = hidden ?? (closed ? path : undefined);
  return { path, size: 0, modifiedAt: null, fingerprint: "", problem: { type, message, ...(hides !== undefined && { hides }) } };
}

/** Asks for what the listing of folders did not tell, on several connections at the same time. */
async function settle(pool: Pool, page: (Entry | Pending)[], signal?: AbortSignal): Promise<Entry[]> {
  const pending = page.filter((entry) => "listed" in entry);
  const found = new Map<string, Entry | undefined>();
  const pieces = Array.from({ length: Math.ceil(pending.length / TOGETHER) }, (_, i) => pending.slice(i * TOGETHER, (i + 1) * TOGETHER));
  await Promise.all(
    pieces.map(async (piece) => {
      const facts = await pool.use((session) => completeAll(session, piece), signal);
      for (const [i, { path }] of piece.entries()) {
        const fact = facts[i]!;
        if (!(fact instanceof Error)) found.set(path, entryOf(path, fact));
        else if (replyOf(fact) === undefined) throw fact;
        // Gone since its folder was listed: as if it had never been there. Where the server does not say that, it may still be there.
        else if (!saysMissing(fact)) found.set(path, problemEntry(path, fact));
      }
    }),
  );
  return page.flatMap((entry) => ("listed" in entry ? (found.get(entry.path) ?? []) : entry));
}
