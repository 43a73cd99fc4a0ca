import { rows, type Database } from "../../mixins/database.ts";
import { comparePaths } from "./sources/order.ts";
import type { Entry } from "./sources/source.ts";

const pageSize = 2_000;

/** Paths that a job could not store, in byte order, page by page. */
export async function* failedPaths(database: Database, tenantId: string, jobId: string): AsyncGenerator<string[]> {
  let after = "";
  for (;;) {
    const page = await database.tenant(tenantId, (em) =>
      rows<{ path: string }>(em, `select path from sync.failures where job_id = ? and path > ? order by path limit ${pageSize}`, [
        jobId,
        after,
      ]),
    );
    const last = page.at(-1);
    if (!last) return;
    yield page.map(({ path }) => path);
    after = last.path;
  }
}

/**
 * The entries of a listing whose path is wanted, or lies in a wanted folder (one whose listing failed ends in '/'). Both sides are in byte order.
 */
export async function* onlyPaths(listing: AsyncIterable<Entry[]>, wanted: AsyncGenerator<string[]>): AsyncGenerator<Entry[]> {
  let paths: string[] = [];
  let at = 0;
  const current = async (): Promise<string | undefined> => {
    if (at < paths.length) return paths[at];
    const next = await wanted.next();
    if (next.done) return undefined;
    paths = next.value;
    at = 0;
    return paths[0];
  };
  for await (const page of listing) {
    const kept: Entry[] = [];
    for (const entry of page) {
      let path = await current();
      while (path !== undefined && comparePaths(path, entry.path) < 0 && !(path.endsWith("/") && entry.path.startsWith(path))) {
        at++;
        path = await current();
      }
      if (path === entry.path || (path?.endsWith("/") && entry.path.startsWith(path))) kept.push(entry);
    }
    if (kept.length) yield kept;
  }
}
