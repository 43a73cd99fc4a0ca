import { errors } from "../../../../config/errors.ts";
import { bytesOf, nameOfBytes } from "../names.ts";

export const portOf = (url: URL): number => Number(url.port) || (url.protocol === "http:" ? 80 : 443);

/** A URL as people may see it: its query may be a secret. */
export const shown = (url: URL): string => url.origin + url.pathname;

/** Where a link of a page leads; null for what is no URL. */
export const resolved = (link: string, base: URL): URL | null => URL.parse(link, base.href);

/** The name that a part of a URL's path stands for. Its escapes are undone exactly once; a '%' that starts none stands for itself. */
export function nameOfPart(part: string): string {
  if (!part.includes("%")) return part;
  const bytes = part.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  return nameOfBytes(Buffer.from(bytes, "latin1"));
}

const partOfName = (name: string): string =>
  /^[\w.~-]*$/.test(name)
    ? name
    : bytesOf(name)
        .toString("latin1")
        .replace(/[^\w.~-]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")}`);

/**
 * Where a path lies below a folder's URL, whose query goes with it.
 * @throws SOURCE_MISSING for a path that no listing gives
 */
export function urlOf(folder: URL, path: string): URL {
  const parts = path.split("/");
  if (parts.some((part, i) => part === "." || part === ".." || (!part && i < parts.length - 1))) {
    throw errors.sourceMissing(`${path} is not below ${shown(folder)}.`);
  }
  const url = new URL(folder);
  url.pathname += parts.map(partOfName).join("/");
  return url;
}

/** A folder's URL has a '/' at its end, so that what is in it is relative to it. */
export function asFolder(url: URL): URL {
  if (url.pathname.endsWith("/")) return url;
  const folder = new URL(url);
  folder.pathname += "/";
  return folder;
}

export interface Seen {
  /** self: the folder; above: a folder that contains it; child: directly in it; elsewhere: anything else, also deeper below. */
  where: "self" | "above" | "child" | "elsewhere";
  /** The child's part of the path, as it is escaped. */
  part: string;
  /** The path ends in '/'. */
  folder: boolean;
}

/** Where a path leads, seen from a folder's path; escapes may be written differently in the two. */
export function seenFrom(folder: string, path: string): Seen {
  const home = partsOf(folder);
  const parts = partsOf(path);
  const written = path.startsWith(folder.endsWith("/") ? folder : `${folder}/`);
  const ends = path.endsWith("/");
  const at = (where: Seen["where"], part = ""): Seen => ({ where, part, folder: ends });
  const alike = (part: string, i: number) => i >= parts.length || nameOfPart(part) === nameOfPart(parts[i]!);
  if (!written && !home.every(alike)) return at("elsewhere");
  if (parts.length === home.length) return at("self");
  if (parts.length < home.length) return at("above");
  return parts.length === home.length + 1 ? at("child", parts.at(-1)) : at("elsewhere");
}

function partsOf(path: string): string[] {
  const inner = path.replace(/^\/|\/$/g, "");
  return inner ? inner.split("/") : [];
}

/** How a file is called that a manifest leads to: its path below the manifest's folder, or the whole of it. */
export function pathFrom(manifest: URL, to: URL): string {
  const names = partsOf(to.pathname).map(nameOfPart);
  const home = partsOf(new URL(".", manifest).pathname).map(nameOfPart);
  const below = to.origin === manifest.origin && names.length > home.length && home.every((name, i) => name === names[i]);
  return (below ? names.slice(home.length) : names).join("/");
}
