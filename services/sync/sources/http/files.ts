import { errors } from "../../../../config/errors.ts";
import { comparePaths } from "../order.ts";
import { timeOf, type Problem } from "../source.ts";
import { ManifestFault, namedIn, type Named } from "./lines.ts";
import { pathFrom, resolved, shown } from "./urls.ts";

/** A file as a manifest names it, with its path. */
export interface File extends Named {
  path: string;
  problem?: Problem;
}

/** The files that a manifest names, in order of their paths. @throws SOURCE_ITEM_UNSUPPORTED for what is no manifest */
export function filesIn(bytes: Buffer, url: URL): File[] {
  let named: Named[];
  try {
    named = namedIn(bytes);
  } catch (error) {
    if (error instanceof ManifestFault)
      throw errors.sourceUnsupported(`${shown(url)} is not a manifest: ${error.message}.`, undefined, error);
    throw error;
  }
  const files = named.map((file, i) => fileOf(file, i, url)).sort((a, b) => comparePaths(a.path, b.path));
  const once = files.filter(({ path }, i) => !i || files[i - 1]!.path !== path);
  if (once.length === files.length) return files;
  const counts = new Map<string, number>();
  for (const { path } of files) counts.set(path, (counts.get(path) ?? 0) + 1);
  return once.map((file) => (counts.get(file.path) === 1 ? file : unusable(file, "is named more than once")));
}

const unusable = (file: File, why: string): File => ({
  ...file,
  problem: { type: "SOURCE_ITEM_UNSUPPORTED", message: `${JSON.stringify(file.path)} ${why}.` },
});

function fileOf(named: Named, i: number, manifest: URL): File {
  const modifiedAt = timeOf(named.modifiedAt ?? NaN);
  const to = named.url === undefined ? null : resolved(named.url, manifest);
  const path = named.path ?? (to && pathFrom(manifest, to)) ?? `entry ${i + 1}`;
  const { modifiedAt: _, ...rest } = named;
  const file: File = { ...rest, path, ...(modifiedAt !== null && { modifiedAt }) };
  if (named.url !== undefined && (!to || !/^https?:$/.test(to.protocol)))
    return unusable(file, `has a URL that is none: ${JSON.stringify(named.url)}`);
  if (path.split("/").some((part) => !part || part === "." || part === ".."))
    return unusable(file, 'has an empty part, or one that is "." or ".."');
  return file;
}

/** By halving: paths are in order. */
export function fileAt(files: File[], path: string): File | undefined {
  let [low, high] = [0, files.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (comparePaths(files[middle]!.path, path) < 0) low = middle + 1;
    else high = middle;
  }
  return files[low]?.path === path ? files[low] : undefined;
}
