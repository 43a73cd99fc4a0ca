import { lstat, realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { errors, messageOf } from "../../../config/errors.ts";
import { itemError } from "./disk.ts";

/**
 * The real path of the folder that a file:// URI means.
 * @param allowed folders that may be used, and all below them
 * @param yetToBeMade it may be missing
 * @throws VALIDATION_FAILED, SOURCE_NOT_ALLOWED, SOURCE_MISSING, SOURCE_DENIED, SOURCE_ITEM_UNSUPPORTED (not a folder)
 */
export async function parseFolder(uri: URL, allowed: readonly string[], yetToBeMade = false): Promise<string> {
  let path: string;
  try {
    path = fileURLToPath(uri);
  } catch (error) {
    throw invalid(`is not a usable file URI: ${messageOf(error)}`);
  }
  if (path.includes("\0")) throw invalid("must not hold a NUL");
  const roots = (await Promise.all(allowed.map((root) => realpath(root).catch(() => null)))).filter((root) => root !== null);
  const outside = () =>
    errors.sourceNotAllowed(
      `${path} is not in a folder that may be used; ${allowed.length ? `those are ${allowed.join(", ")}` : "none is"}.`,
    );
  const below = (folder: string, roots: readonly string[]) =>
    roots.some((root) => `${folder}/`.startsWith(root === "/" ? "/" : `${root}/`));

  let real: string;
  try {
    real = await (yetToBeMade ? placeToBe(path) : realpath(path));
  } catch (error) {
    // Outside the roots nobody learns what exists.
    throw below(resolve(path), [...roots, ...allowed.map((root) => resolve(root))]) ? itemError(error, path) : outside();
  }
  if (!below(real, roots)) throw outside();
  if (real.includes("\uFFFD")) throw errors.sourceUnsupported(`${path} must be a folder whose own path is UTF-8.`);
  const found = await stat(real).catch(() => null);
  if (found ? !found.isDirectory() : !yetToBeMade) throw errors.sourceUnsupported(`${path} is a file; a folder was expected.`);
  return real;
}

/** Real path of a folder that may be missing: that of the nearest one above it that is there, and the rest of the names. */
async function placeToBe(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    // A link to nothing is there, but what it leads to can't be told.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || (await lstat(path).catch(() => null))) throw error;
    return join(await placeToBe(dirname(path)), basename(path));
  }
}

const invalid = (detail: string) => errors.invalid([{ pointer: "/input", detail }]);
