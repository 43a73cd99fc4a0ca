import { errors, failureOf } from "../../../../config/errors.ts";
import { comparePaths } from "../order.ts";
import { pathProblem, type Entry } from "../source.ts";
import { statusOf } from "./calls.ts";
import { itemError } from "./faults.ts";
import { fingerprintOf, modifiedAt, placeOf } from "./files.ts";
import type { Items } from "./items.ts";
import { isOfItem, itemsIn, linkedFolder, type Item } from "./listing.ts";
import { status } from "./packets.ts";
import type { Pool } from "./pool.ts";

const PAGE = 2000;
/** Folders that are read before their turn, so that a tree of small ones does not cost round trips for each. */
const AHEAD = 16;

/** A folder being walked. */
interface Folder {
  prefix: string;
  /** Where it really lies. */
  real: Buffer;
  /** A link was followed to get here. */
  linked: boolean;
  items: Items;
  /** Those of its folders that are being read ahead, by their names. */
  ahead: Map<string, Promise<Items>>;
}

export interface Walk {
  signal?: AbortSignal | undefined;
  /** Only what comes after this path. */
  after?: string | undefined;
  /** Hears of files that are being written, or were when their writer was killed. */
  onPart?: (path: string, modifiedAt: number | null) => void;
}

/**
 * Lists what is below a folder by the rules of ../walk.ts: byte order of full paths, nothing kept but the open folders' entries (of a very
 * large one not even those), links followed inside the root alone and one at most on the way to any file.
 * @param root real path
 * @throws for the root and for the connection; other folders and files carry a problem
 */
export async function* walk(pool: Pool, root: Buffer, { signal, after = "", onPart }: Walk): AsyncGenerator<Entry[]> {
  const read = (path: string) => pool.use((session) => itemsIn(session, root, path, signal), signal);
  // A folder before `after` is entered only when that lies in it.
  const isPast = (path: string) => after !== "" && comparePaths(path, after) <= 0 && !(path.endsWith("/") && after.startsWith(path));

  let ahead = 0;
  const readAhead = (folder: Folder) => {
    for (const item of folder.items.ahead(4 * AHEAD)) {
      if (ahead >= AHEAD) break;
      if (item.kind !== "folder" || item.linked || folder.ahead.has(item.name) || isPast(folder.prefix + item.name)) continue;
      const items = read(folder.prefix + item.name);
      items.catch(() => {});
      folder.ahead.set(item.name, items);
      ahead++;
    }
  };
  const enter = async (folder: Folder, item: Item): Promise<Folder> => {
    const path = folder.prefix + item.name;
    const real = item.linked
      ? await pool.use((session) => linkedFolder(session, root, path, folder.real), signal)
      : placeOf(folder.real, item.name.slice(0, -1));
    if (item.linked && folder.linked) {
      throw errors.sourceUnsupported(`${path} is a link to a folder inside a linked folder; one link is followed.`);
    }
    // Read ahead with those after it, or by itself.
    const reading = folder.ahead.get(item.name) ?? read(path);
    if (folder.ahead.delete(item.name)) ahead--;
    readAhead(folder);
    return {
      prefix: path,
      real,
      linked: item.linked === true || folder.linked,
      items: await reading,
      ahead: new Map(),
    };
  };

  const stack: Folder[] = [{ prefix: "", real: root, linked: false, items: await read(""), ahead: new Map() }];
  let page: Entry[] = [];
  try {
    while (stack.length) {
      const folder = stack[stack.length - 1]!;
      const item = folder.items.take();
      if (!item) {
        stack.pop();
        continue;
      }
      const path = folder.prefix + item.name;
      if (item.kind === "part") onPart?.(path, modifiedAt(item));
      if (item.kind === "part" || isPast(path)) continue;
      try {
        const problem = pathProblem(path);
        if (problem) page.push({ path, size: 0, modifiedAt: null, fingerprint: "", problem });
        else if (item.kind === "folder") stack.push(await enter(folder, item));
        else page.push(fileEntry(path, item));
      } catch (error) {
        signal?.throwIfAborted();
        if (!isOfItem(error)) throw error;
        // Gone since its folder was listed: as if it had never been there.
        if (statusOf(error) !== status.missing) page.push(problemEntry(path, item, error));
      }
      if (page.length >= PAGE) {
        yield page;
        page = [];
      }
    }
    if (page.length) yield page;
  } finally {
    // A walk that is left early is inside of some, and has begun to read others.
    const closing = stack.flatMap(({ items, ahead }) => [Promise.resolve(items), ...ahead.values()]);
    for (const reading of closing) reading.then((items) => items.close()).catch(() => {});
  }
}

function fileEntry(path: string, item: Item): Entry {
  if (item.refusal) throw item.refusal;
  if (item.kind !== "file") throw errors.sourceUnsupported(`${path} is neither a file nor a folder.`);
  if (item.size === undefined) throw errors.sourceUnsupported(`The SFTP server does not tell the size of ${path}.`);
  return { path, size: item.size, modifiedAt: modifiedAt(item), fingerprint: fingerprintOf(item) };
}

function problemEntry(path: string, item: Item, error: unknown): Entry {
  const { type, message } = failureOf(itemError(error, path));
  // A refused link hides nothing: what it leads to is not part of the source. A folder that can't be read may hide anything.
  const refused = item.linked && (type === "SOURCE_ITEM_UNSUPPORTED" || type === "SOURCE_NOT_ALLOWED");
  const hides = item.kind === "folder" && !refused;
  return { path, size: 0, modifiedAt: null, fingerprint: "", problem: { type, message, ...(hides && { hides: path }) } };
}
