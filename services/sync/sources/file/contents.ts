import { opendirSync, readdirSync, statSync, type Dirent } from "node:fs";
import { place } from "../disk.ts";
import { nameOfBytes, nameOfText } from "../names.ts";
import { comparePaths } from "../order.ts";
import { isPart } from "../part.ts";

/** What a folder holds. */
export interface Contents {
  /** In order; those of folders end in '/'. Parts of files that are being written are left out. */
  names: string[];
  /** Which of the folders are links. */
  links: Set<string>;
}

/** @param prefix of a folder below the root, empty or ending in '/'. @throws system errors */
export function contentsOf(root: string, prefix: string): Contents {
  const at = place(root, prefix);
  // Where a name is not UTF-8 Node gives U+FFFD; only then is the folder read again as bytes, which is slower.
  const { names, links } = collected(root, prefix, entriesIn(at)) ?? collected(root, prefix, entriesAsBytes(at))!;
  // The engine's own comparison is faster and differs only where there are surrogates.
  return { names: names.some(hasSurrogate) ? names.sort(comparePaths) : names.sort(), links };
}

/** Undefined when a name of text may not be UTF-8. */
function collected(root: string, prefix: string, entries: Iterable<Dirent | Dirent<Buffer>>): Contents | undefined {
  const links = new Set<string>();
  const names: string[] = [];
  for (const entry of entries) {
    if (typeof entry.name === "string" && entry.name.includes("\uFFFD")) return undefined;
    const name = typeof entry.name === "string" ? nameOfText(entry.name) : nameOfBytes(entry.name);
    const link = entry.isSymbolicLink() && leadsToFolder(root, prefix + name);
    if (link) links.add(`${name}/`);
    if (link || entry.isDirectory()) names.push(`${name}/`);
    else if (!isPart(name)) names.push(name);
  }
  return { names, links };
}

/** Bytes of a folder itself from which on its entries are read piece by piece: all at once they need three times the memory of their names. */
const LARGE = 256 * 1024;

/** Small folders are read at once, which is faster. */
const entriesIn = (at: string | Buffer): Iterable<Dirent> =>
  statSync(at).size < LARGE ? readdirSync(at, { withFileTypes: true }) : piecewise(at);

const entriesAsBytes = (at: string | Buffer): Iterable<Dirent<Buffer>> => readdirSync(at, { withFileTypes: true, encoding: "buffer" });

function* piecewise(at: string | Buffer): Generator<Dirent> {
  const folder = opendirSync(at, { bufferSize: 1024 });
  try {
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) yield entry;
  } finally {
    folder.closeSync();
  }
}

const hasSurrogate = (name: string) => /[\ud800-\udfff]/.test(name);

function leadsToFolder(root: string, path: string): boolean {
  try {
    return statSync(place(root, path)).isDirectory();
  } catch {
    // To nothing, in a circle or out of reach: who reads it is told which.
    return false;
  }
}
