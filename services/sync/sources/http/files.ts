import { errors } from "../../../../config/errors.ts";
import { Sorting } from "../sorting.ts";
import { timeOf, type Problem } from "../source.ts";
import { ManifestFault, manifestReader, type Named } from "./lines.ts";
import { END, pathIn, Shelf } from "./shelf.ts";
import { pathFrom, resolved, shown } from "./urls.ts";

/** A file as a manifest names it, with its path. */
export interface File extends Named {
  path: string;
  problem?: Problem;
}

/** The files that a manifest names, in order of their paths, however many they are. @throws SOURCE_ITEM_UNSUPPORTED for what is no manifest */
export async function filesIn(bytes: AsyncIterable<Buffer>, url: URL): Promise<Files> {
  const records = new Sorting();
  let named = 0;
  try {
    const reader = manifestReader((file) => records.add(recordOf(fileOf(file, named++, url))));
    for await (const chunk of bytes) reader.write(chunk);
    reader.end();
  } catch (error) {
    records.close();
    if (error instanceof ManifestFault)
      throw errors.sourceUnsupported(`${shown(url)} is not a manifest: ${error.message}.`, undefined, error);
    throw error;
  }
  return new Files(eachOnce(records.inOrder()));
}

/** Files in order of their paths. */
export class Files {
  private readonly shelf = new Shelf();

  /** @param records in order, a path once */
  constructor(records: Iterable<string>) {
    for (const record of records) this.shelf.add(record);
    this.shelf.end();
  }

  find(path: string): File | undefined {
    const record = this.shelf.find(path);
    return record === undefined ? undefined : fileIn(record);
  }

  *after(path: string): Generator<File> {
    for (const record of this.shelf.after(path)) yield fileIn(record);
  }

  /** See Shelf. */
  retire(): void {
    this.shelf.retire();
  }
}

const recordOf = ({ path, ...rest }: File): string => path + END + JSON.stringify(rest);
function fileIn(record: string): File {
  const path = pathIn(record);
  return { path, ...(JSON.parse(record.slice(path.length + END.length)) as Omit<File, "path">) };
}

/** Of a path that is named more than once nothing is known. */
function* eachOnce(records: Iterable<string>): Generator<string> {
  let before: string | undefined;
  let path: string | undefined;
  let times = 0;
  const told = () => (times === 1 ? before! : recordOf(unusable(fileIn(before!), "is named more than once")));
  for (const record of records) {
    if (path !== undefined && record.startsWith(path + END)) {
      times++;
      continue;
    }
    if (times) yield told();
    before = record;
    path = pathIn(record);
    times = 1;
  }
  if (times) yield told();
}

const unusable = (file: File, why: string): File => ({
  ...file,
  problem: { type: "SOURCE_ITEM_UNSUPPORTED", message: `${JSON.stringify(file.path)} ${why}.` },
});

/** What the catalogue can't keep, shown so that it has a place in the order. */
const keepable = (path: string) => path.toWellFormed().replaceAll("\0", "\u0001");

function fileOf(named: Named, i: number, manifest: URL): File {
  const modifiedAt = timeOf(named.modifiedAt ?? NaN);
  const to = named.url === undefined ? null : resolved(named.url, manifest);
  const path = named.path ?? (to && pathFrom(manifest, to)) ?? `entry ${i + 1}`;
  const { modifiedAt: _, ...rest } = named;
  const file: File = { ...rest, path, ...(modifiedAt !== null && { modifiedAt }) };
  if (named.url !== undefined && (!to || !/^https?:$/.test(to.protocol)))
    return unusable(file, `has a URL that is none: ${JSON.stringify(named.url)}`);
  if (keepable(path) !== path) return unusable({ ...file, path: keepable(path) }, "holds what is no text, or a NUL");
  if (path.split("/").some((part) => !part || part === "." || part === ".."))
    return unusable(file, 'has an empty part, or one that is "." or ".."');
  return file;
}
