import { opendirSync, readdirSync, statSync, type Dirent } from "node:fs";
import { place } from "../disk.ts";
import { nameOfBytes, nameOfText } from "../names.ts";
import { isPart } from "../part.ts";
import { Sorting } from "../sorting.ts";

/** What a folder holds, in the order of full paths. Parts of files that are being written are left out. */
export interface Contents {
  /** The next name; undefined after the last. That of a folder ends in '/', that of a folder that a link leads to in LINK. */
  next(): string | undefined;
  /** Call it when the rest is not wanted. */
  close(): void;
}

/** Ends the name of a folder that a link leads to; no name holds it. */
export const LINK = "/\0";

/**
 * Reads a folder, however many names it holds: what does not fit into memory is put in order on the disk.
 * @param prefix of a folder below the root, empty or ending in '/'
 * @throws system errors, SOURCE_UNREACHABLE when there is no room to put the names in order
 */
export function contentsOf(root: string, prefix: string): Contents {
  const at = place(root, prefix);
  const large = statSync(at).size >= LARGE;
  // Where a name is not UTF-8 Node gives U+FFFD; only then is the folder read again as bytes, which is slower.
  const text = collected(root, prefix, large ? piecewise(at) : readdirSync(at, { withFileTypes: true }));
  const bytes = () => (large ? bytesPiecewise(at) : readdirSync(at, { withFileTypes: true, encoding: "buffer" }));
  const names = text ?? collected(root, prefix, bytes())!;
  const inOrder = names.inOrder();
  return { next: () => inOrder.next().value as string | undefined, close: () => names.close() };
}

/** Undefined when a name of text may not be UTF-8. */
function collected(root: string, prefix: string, entries: Iterable<Dirent | Dirent<Buffer>>): Sorting | undefined {
  const names = new Sorting();
  try {
    for (const entry of entries) {
      if (typeof entry.name === "string" && entry.name.includes("\uFFFD")) {
        names.close();
        return undefined;
      }
      const name = typeof entry.name === "string" ? nameOfText(entry.name) : nameOfBytes(entry.name);
      const link = entry.isSymbolicLink() && leadsToFolder(root, prefix + name);
      if (link || entry.isDirectory()) names.add(name + (link ? LINK : "/"));
      else if (!isPart(name)) names.add(name);
    }
  } catch (error) {
    names.close();
    throw error;
  }
  return names;
}

/** Bytes of a folder itself from which on its entries are read piece by piece: all at once they need three times the memory of their names. */
const LARGE = 256 * 1024;
const AT_ONCE = 1024;

function* piecewise(at: string | Buffer): Generator<Dirent> {
  const folder = opendirSync(at, { bufferSize: AT_ONCE });
  try {
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) yield entry;
  } finally {
    folder.closeSync();
  }
}

/** Node gives names as bytes too where it is asked for them, which its types do not say. */
function* bytesPiecewise(at: string | Buffer): Generator<Dirent<Buffer>> {
  const folder = opendirSync(at, { bufferSize: AT_ONCE, encoding: "buffer" as BufferEncoding });
  try {
    for (let entry = folder.readSync(); entry; entry = folder.readSync()) yield entry as unknown as Dirent<Buffer>;
  } finally {
    folder.closeSync();
  }
}

function leadsToFolder(root: string, path: string): boolean {
  try {
    return statSync(place(root, path)).isDirectory();
  } catch {
    // To nothing, in a circle or out of reach: who reads it is told which.
    return false;
  }
}
