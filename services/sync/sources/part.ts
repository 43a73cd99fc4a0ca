import { randomUUID } from "node:crypto";
import { errors } from "../../../config/errors.ts";
import { nameOf } from "./source.ts";

/**
 * What is being written to a destination has a name like this beside its place until it is complete. No source lists it, so a
 * destination can be read as a source while it is written to.
 */
export const partName = (): string => `.legendo-${randomUUID()}.part`;

export const isPart = (name: string): boolean => name.startsWith(".legendo-") && /^\.legendo-[0-9a-f-]{36}\.part$/.test(name);

/** Age at which a part has lost its writer: a living one touches it far more often. Milliseconds. */
export const PART_LIFE = 86_400_000;

/**
 * Refuses paths that no tree of folders can hold, or that would lead out of it.
 * @throws SOURCE_ITEM_UNSUPPORTED
 */
export function refuseUnnameable(path: string): void {
  const refused = (why: string) => errors.sourceUnsupported(`${JSON.stringify(path)} can't be the name of a file here: ${why}.`);
  if (path.includes("\0")) throw refused("it holds a NUL");
  if (path.split("/").some((part) => !part || part === "." || part === ".."))
    throw refused('it has an empty part, or one that is "." or ".."');
  if (isPart(nameOf(path))) throw refused("such names are for files that are being written");
}
