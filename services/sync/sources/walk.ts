import { lstatSync, realpathSync, statSync, type Stats } from "node:fs";
import { errors, failureOf } from "../../../config/errors.ts";
import { fingerprintOf, itemError, place } from "./disk.ts";
import { contentsOf, LINK, type Contents } from "./file/contents.ts";
import { comparePaths } from "./order.ts";
import { pathProblem, timeOf, type Entry } from "./source.ts";

const PAGE = 2000;

/** A folder being walked. */
interface Folder {
  prefix: string;
  contents: Contents;
  /** A link was followed to get here. */
  linked: boolean;
}

/**
 * Walks a folder, depth first. Sorting each folder's names with '/' at the end of folders gives the byte order of full paths
 * ("a-b" comes before "a/c"), so nothing but the open folders' names is kept, and of a very large one not even those.
 * Links to files inside the root are files. A link to a folder inside the root is walked too, but only one on the way to any
 * file: else n links could make 2^n paths.
 * @param after only what comes after this path
 */
export function* walk(root: string, after = ""): Generator<Entry[]> {
  const stack: Folder[] = [{ prefix: "", contents: contentsOf(root, ""), linked: false }];
  try {
    yield* walked(root, stack, after);
  } finally {
    // A walk that is left early is inside of some.
    for (const { contents } of stack) contents.close();
  }
}

function* walked(root: string, stack: Folder[], after: string): Generator<Entry[]> {
  let page: Entry[] = [];
  while (stack.length) {
    const folder = stack[stack.length - 1]!;
    const listed = folder.contents.next();
    if (listed === undefined) {
      stack.pop();
      continue;
    }
    const linked = listed.endsWith(LINK);
    const name = linked ? listed.slice(0, 1 - LINK.length) : listed;
    const path = folder.prefix + name;
    // A folder before `after` is entered only when that lies in it.
    if (after && comparePaths(path, after) <= 0 && !(name.endsWith("/") && after.startsWith(path))) continue;
    try {
      if (name.endsWith("/")) {
        if (linked) refuseLoop(root, path, folder);
        stack.push({ prefix: path, contents: contentsOf(root, path), linked: linked || folder.linked });
      } else {
        const entry = fileEntry(root, path);
        if (entry) page.push(entry);
      }
    } catch (error) {
      const entry = problemEntry(path, error);
      if (entry) page.push(entry);
    }
    if (page.length >= PAGE) {
      yield page;
      page = [];
    }
  }
  if (page.length) yield page;
}

function fileEntry(root: string, path: string): Entry | undefined {
  let stat = lstatSync(place(root, path), { throwIfNoEntry: false });
  // Gone since its folder was listed: as if it had never been there.
  if (!stat) return undefined;
  if (stat.isSymbolicLink()) stat = target(root, path);
  if (!stat.isFile()) throw errors.sourceUnsupported(`${path} is neither a file nor a folder.`);
  const problem = pathProblem(path);
  if (problem) return { path, size: 0, modifiedAt: null, fingerprint: "", problem };
  return { path, size: stat.size, modifiedAt: timeOf(stat.mtimeMs), fingerprint: fingerprintOf(stat) };
}

function problemEntry(path: string, error: unknown): Entry | undefined {
  const { type, message } = failureOf(itemError(error, path));
  if (type === "SOURCE_MISSING" && (error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
  // A refused link hides nothing: what it leads to is not part of the source. A folder that can't be read may hide anything.
  const hides = path.endsWith("/") && type !== "SOURCE_ITEM_UNSUPPORTED" && type !== "SOURCE_NOT_ALLOWED";
  return { path, size: 0, modifiedAt: null, fingerprint: "", problem: { type, message, ...(hides && { hides: path }) } };
}

const latin1 = { encoding: "latin1" } as const;
const inside = (root: string, real: string) => root === "/" || `${real}/`.startsWith(`${Buffer.from(root).toString("latin1")}/`);

/** What a link to a file leads to. */
function target(root: string, path: string): Stats {
  let real: string;
  try {
    real = realpathSync.native(place(root, path), latin1);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") throw errors.sourceMissing(`${path} is a link to nothing.`, undefined, error);
    throw error;
  }
  if (!inside(root, real)) throw errors.sourceNotAllowed(`${path} is a link to something outside the source's folder.`);
  return statSync(place(root, path));
}

function refuseLoop(root: string, path: string, folder: Folder): void {
  const real = realpathSync.native(place(root, path), latin1);
  if (!inside(root, real)) throw errors.sourceNotAllowed(`${path} is a link to a folder outside the source's folder.`);
  const here = realpathSync.native(place(root, folder.prefix), latin1);
  if (`${here}/`.startsWith(`${real}/`)) throw errors.sourceUnsupported(`${path} is a link to a folder that contains it.`);
  if (folder.linked) throw errors.sourceUnsupported(`${path} is a link to a folder inside a linked folder; one link is followed.`);
}
