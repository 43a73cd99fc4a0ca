import { errors, failureType, messageOf } from "../../../../config/errors.ts";
import { itemError } from "../disk.ts";

export const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

const faults: Record<string, (message: string, data?: undefined, cause?: unknown) => Error> = {
  ENOSPC: errors.sourceFull,
  EDQUOT: errors.sourceFull,
  EROFS: errors.sourceDenied,
  // A file where a folder is wanted, or the other way round.
  ENOTDIR: errors.sourceUnsupported,
  ENOTEMPTY: errors.sourceUnsupported,
  EEXIST: errors.sourceUnsupported,
  // Names and sizes that this file system can't hold.
  EINVAL: errors.sourceUnsupported,
  EILSEQ: errors.sourceUnsupported,
  EFBIG: errors.sourceUnsupported,
  // Others keep removing the folder that is written to.
  ENOENT: errors.sourceUnreachable,
};

/** A system error of writing or removing, in the sources' vocabulary. */
export function writeError(error: unknown, path: string): Error {
  const make = failureType(error) === "INTERNAL_ERROR" ? faults[codeOf(error) ?? ""] : undefined;
  return make ? make(`${path}: ${messageOf(error).split(",")[0]}.`, undefined, error) : itemError(error, path);
}

/** Does something with the file system. @throws what `writeError` makes of its error */
export function onDisk<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw writeError(error, path);
  }
}
