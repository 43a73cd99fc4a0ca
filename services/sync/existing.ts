import { createHash } from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { errors, failureType } from "../../config/errors.ts";
import { contentId, type TenantKeys } from "../../mixins/vault/keys.ts";
import { nameOf, type Source } from "./sources/source.ts";

/**
 * What a restore does with a file that stands where it is to write, with another content: refuse it (the file fails and is left alone), skip
 * it (the same without a failure), write beside it under another name, or overwrite it.
 */
export const existingPolicies = ["refuse", "skip", "both", "overwrite"] as const;
export type ExistingPolicy = (typeof existingPolicies)[number];

/** Names that are tried beside a file before it is refused. */
const mostBeside = 100;
const stride = 1024 * 1024;

export interface Wanted {
  path: string;
  /** Bytes. */
  size: number;
  /** Hexadecimal. */
  contentId: string;
}

/**
 * Where a file is to be written. What stands there with the content that is wanted is always left as it is: a restore that was cut off meets
 * its own files again.
 * @param target the destination, opened to be read
 * @param taken paths that others of the batch want
 * @returns a path where nothing stands, or what makes writing unnecessary
 * @throws DESTINATION_EXISTS, SOURCE_DENIED, SOURCE_UNREACHABLE
 */
export async function placeFor(
  wanted: Wanted,
  policy: Exclude<ExistingPolicy, "overwrite">,
  target: Source,
  keys: TenantKeys,
  taken: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ path: string } | "unchanged" | "kept"> {
  for (let copy = 0; copy < mostBeside; copy++) {
    const path = copy ? beside(wanted.path, copy) : wanted.path;
    if (copy && taken.has(path)) continue;
    const there = await standing(target, path, wanted, keys, signal);
    if (there === "nothing") return { path };
    if (there === "the same") return "unchanged";
    if (policy === "skip") return "kept";
    if (policy === "refuse") break;
  }
  throw errors.destinationExists(
    `${wanted.path} is there already with another content and was left alone. Ask for existing: overwrite, both or skip.`,
  );
}

/** "report.csv" → "report (restored).csv", "report (restored 2).csv", … */
function beside(path: string, copy: number): string {
  const name = nameOf(path);
  const dot = name.lastIndexOf(".");
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const mark = copy === 1 ? "restored" : `restored ${copy}`;
  return `${path.slice(0, path.length - name.length)}${stem} (${mark})${name.slice(stem.length)}`;
}

async function standing(
  target: Source,
  path: string,
  { size, contentId: wanted }: Wanted,
  keys: TenantKeys,
  signal: AbortSignal,
): Promise<"nothing" | "the same" | "another"> {
  try {
    const opened = await target.open(path, signal);
    try {
      if (opened.size !== size) return "another";
      const sha256 = createHash("sha256");
      const buffer = Buffer.allocUnsafe(Math.min(stride, size + 1));
      for (let got = await opened.read(buffer); got; got = await opened.read(buffer)) {
        sha256.update(buffer.subarray(0, got));
        // A local file never waits by itself: without this nothing else of the thread would go on meanwhile.
        await turn();
        signal.throwIfAborted();
      }
      await opened.verify();
      return contentId(keys, sha256.digest()) === wanted ? "the same" : "another";
    } finally {
      opened.close();
    }
  } catch (error) {
    const type = failureType(error);
    if (type === "SOURCE_MISSING") return "nothing";
    // A folder, a link to elsewhere, or something that is being written just now.
    if (/^SOURCE_(ITEM_UNSUPPORTED|NOT_ALLOWED|CHANGED)$/.test(type)) return "another";
    throw error;
  }
}
