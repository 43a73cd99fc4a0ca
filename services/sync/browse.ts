import type { Threads } from "./threads.ts";
import type { Spec } from "./sources/source.ts";
import { comparePaths } from "./sources/order.ts";

/** What a person sees of a folder of a place. */
export interface Browsed {
  name: string;
  /** Full path below the place's root; of a folder with '/' at its end. */
  path: string;
  folder: boolean;
  size: number | null;
  modifiedAt: string | null;
  problem: { type: string; message: string } | null;
}

/** Entries of a listing that are looked at for one page: a folder of a million files below it is one line, but has to be passed. */
const patience = 20_000;

/**
 * A page of what lies directly in a folder, in byte order. It is read off the listing, which every kind of place has: where a folder holds
 * very much, a page may end early.
 * @param folder empty for the root, else with '/' at its end
 * @param after path of the entry before the page
 * @returns the page, and where the next one begins
 * @throws SOURCE_*
 */
export async function browse(
  threads: Threads,
  place: Spec,
  { folder, after, limit }: { folder: string; after: string; limit: number },
  signal?: AbortSignal,
): Promise<{ entries: Browsed[]; next: string | null }> {
  const entries: Browsed[] = [];
  const start = after.endsWith("/") ? behind(after) : after;
  let from = comparePaths(start, folder) > 0 ? start : folder;
  let seen = 0;
  for (let again = true; again;) {
    again = false;
    for await (const page of threads.list(place, signal, { after: from })) {
      for (const { path, size, modifiedAt, problem } of page) {
        if (folder && comparePaths(path, folder) > 0 && !path.startsWith(folder)) return { entries, next: null };
        if (!path.startsWith(folder) || path === folder) continue;
        seen++;
        const rest = path.slice(folder.length);
        const cut = rest.indexOf("/");
        if (cut < 0 || problem) {
          const name = rest.replace(/\/$/, "");
          const at = modifiedAt === null ? null : new Date(modifiedAt).toISOString();
          const shown = problem ? { type: problem.type, message: problem.message } : null;
          entries.push({ name, path, folder: rest.endsWith("/"), size: problem ? null : size, modifiedAt: at, problem: shown });
        } else {
          const inner = `${folder}${rest.slice(0, cut + 1)}`;
          if (entries.at(-1)?.path !== inner)
            entries.push({ name: rest.slice(0, cut), path: inner, folder: true, size: null, modifiedAt: null, problem: null });
          // Over the rest of the folder in one step instead of listing it.
          from = behind(inner);
          again = true;
        }
        if (entries.length > limit || seen > patience) return pageOf(entries, limit);
        if (again) break;
      }
      if (again) break;
    }
  }
  return { entries, next: null };
}

/** A place in the order after everything that lies in a folder, before whatever follows it. */
const behind = (folder: string) => `${folder}\u{10FFFF}`;

function pageOf(entries: Browsed[], limit: number): { entries: Browsed[]; next: string | null } {
  const shown = entries.slice(0, limit);
  return { entries: shown, next: shown.at(-1)?.path ?? null };
}
