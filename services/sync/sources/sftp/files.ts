import { errors } from "../../../../config/errors.ts";
import { bytesOf } from "../names.ts";
import type { Attrs } from "./packets.ts";

const format = 0o170000;
const kinds: Record<number, Kind> = { 0o100000: "file", 0o040000: "folder", 0o120000: "link" };

export type Kind = "file" | "folder" | "link" | "other";

/** @param line as of ls -l, for servers that do not say it otherwise */
export function kindOf({ mode }: Attrs, line?: Buffer): Kind {
  if (mode !== undefined && mode & format) return kinds[mode & format] ?? "other";
  const letter = line?.length ? String.fromCharCode(line[0]!) : "";
  return ({ "-": "file", d: "folder", l: "link" } as const)[letter] ?? "other";
}

const slash = Buffer.from("/");

/** Where a path of the catalogue lies, as the server's bytes; `root` without a '/' at its end unless it is that. */
export const placeOf = (root: Buffer, path: string): Buffer =>
  path ? Buffer.concat([root, ...(root.length === 1 ? [] : [slash]), bytesOf(path)]) : root;

const text = (bytes: Buffer) => bytes.toString("latin1");

/** @throws SOURCE_NOT_ALLOWED when a real path is not below the root */
export function refuseOutside(root: Buffer, path: string, real: Buffer): void {
  if (!isWithin(root, real)) throw errors.sourceNotAllowed(`${path} is a link to something outside the folder it is in.`);
}

/** Whether a real path is that of a folder or lies below it. */
export const isWithin = (folder: Buffer, real: Buffer): boolean =>
  `${text(real)}/`.startsWith(folder.length === 1 ? "/" : `${text(folder)}/`);

type Told = { [key in "size" | "modified"]?: number | undefined };

/** Size and time are all that SFTP tells of a content. */
export const fingerprintOf = ({ size = 0, modified = 0 }: Told): string => `${size.toString(36)}.${modified.toString(36)}`;

/** Milliseconds since 1970. */
export const modifiedAt = ({ modified }: Told): number | null => (modified === undefined ? null : modified * 1000);
