import { errors } from "../../config/errors.ts";
import type { Filter } from "./filters.ts";
import { findLookalikes } from "./lookalikes.ts";
import { comparePaths } from "./sources/order.ts";
import type { Entry } from "./sources/source.ts";

/** A row of the catalogue, as the plan needs it. */
export interface Known {
  assetId: string;
  path: string;
  /** Of the listing that the current version was fetched by. */
  fingerprint: string;
  /** The asset was retired by an earlier run. */
  gone: boolean;
}

/** What is to be done. What is to be left as it is, is only counted. */
export type Decision = FetchDecision | TouchDecision | GoneDecision | ProblemDecision;

export interface FetchItem {
  path: string;
  size: number;
  modifiedAt: number | null;
  fingerprint: string;
  /** The catalogue has an asset of this path. */
  known?: true;
}
export interface FetchDecision extends FetchItem {
  kind: "fetch";
  reason: "new" | "changed" | "returned" | "full";
}
/** The source proves by a content tag that only time or place of storage are others. */
export interface TouchDecision extends FetchItem {
  kind: "touch";
  assetId: string;
}
export interface GoneDecision {
  kind: "gone";
  path: string;
  assetId: string;
  /** As it was last listed. */
  fingerprint: string;
}
export interface ProblemDecision {
  kind: "problem";
  path: string;
  type: string;
  message: string;
}

export interface PlanSummary {
  /** False when some of the source could not be listed: nothing may be retired then, and the "gone" that were decided don't count. */
  complete: boolean;
  /** Entries listed, those left out by the filter too. */
  listed: number;
  /** Assets of the catalogue that were not gone before. */
  known: number;
  fetch: { items: number; bytes: number };
  /** Of `fetch`: how many had another state before. */
  changed: number;
  touched: number;
  unchanged: number;
  /** Left out by the filter. */
  filtered: number;
  gone: number;
  problems: number;
  /** Groups of paths that differ only in case or in the Unicode form of their letters: some file systems hold only one of each. */
  collisions: string[][];
}

export interface PlanRules {
  /** In `full` mode everything that can be read is fetched, whatever its fingerprint. */
  mode: "incremental" | "full";
  filter?: Filter | undefined;
  /** See SourceKind. */
  contentTag?: (fingerprint: string) => string | null;
}

export const emptySummary = (): PlanSummary => ({
  complete: true,
  listed: 0,
  known: 0,
  fetch: { items: 0, bytes: 0 },
  changed: 0,
  touched: 0,
  unchanged: 0,
  filtered: 0,
  gone: 0,
  problems: 0,
  collisions: [],
});

type Pages<T> = AsyncIterable<T[]> | Iterable<T[]>;

/**
 * Merge-joins a listing with the catalogue; both in ascending UTF-8 byte order of the path (PostgreSQL: collate "C").
 * Memory is one page of each, whatever their length. Yields decisions page by page and returns the summary.
 * @throws INTERNAL_ERROR when either side is out of order: joined so, assets would be retired that are still there.
 */
export async function* plan(entries: Pages<Entry>, rows: Pages<Known>, rules: PlanRules): AsyncGenerator<Decision[], PlanSummary> {
  const { filter } = rules;
  const summary = emptySummary();
  const known = cursor(rows, "The catalogue");
  const lookalikes = findLookalikes(summary.collisions);
  let hidden: string | undefined;
  let before = "";
  let decisions: Decision[] = [];

  const fetch = (entry: Entry, reason: FetchDecision["reason"], row?: Known) => {
    const { path, size, modifiedAt, fingerprint } = entry;
    decisions.push({ kind: "fetch", reason, path, size, modifiedAt, fingerprint, ...(row && { known: true }) });
    summary.fetch.items++;
    summary.fetch.bytes += size;
    if (reason === "changed") summary.changed++;
  };
  const missing = ({ path, assetId, gone, fingerprint }: Known) => {
    if (gone) return;
    summary.known++;
    if (hidden !== undefined && path.startsWith(hidden)) summary.unchanged++;
    else {
      decisions.push({ kind: "gone", path, assetId, fingerprint });
      summary.gone++;
    }
  };
  const decide = (entry: Entry, row: Known | undefined) => {
    if (row && !row.gone) summary.known++;
    if (filter && !filter(entry)) summary.filtered++;
    else if (!row) fetch(entry, "new");
    else if (row.gone) fetch(entry, "returned", row);
    else if (rules.mode === "full") fetch(entry, "full", row);
    else if (row.fingerprint === entry.fingerprint) summary.unchanged++;
    else if (sameContent(rules, row.fingerprint, entry.fingerprint)) {
      const { path, size, modifiedAt, fingerprint } = entry;
      decisions.push({ kind: "touch", path, size, modifiedAt, fingerprint, assetId: row.assetId });
      summary.touched++;
    } else fetch(entry, "changed", row);
  };

  // Both sides begin at the same time.
  const first = known.load();
  first.catch(() => {});
  for await (const page of entries) {
    await first;
    for (const entry of page) {
      if (before && comparePaths(before, entry.path) >= 0) throw disorder("The listing", before, entry.path);
      before = entry.path;
      summary.listed++;
      lookalikes(entry.path);
      // Almost always a row is there already; only a page's end is waited for.
      let row = known.peek() ?? (await known.load());
      while (row && comparePaths(row.path, entry.path) < 0) {
        missing(row);
        known.take();
        row = known.peek() ?? (await known.load());
      }
      const match = row?.path === entry.path ? known.take() : undefined;
      if (entry.problem) {
        const { type, message, hides } = entry.problem;
        if (hides !== undefined) {
          summary.complete = false;
          hidden = hides;
        }
        decisions.push({ kind: "problem", path: entry.path, type, message });
        summary.problems++;
        if (match && !match.gone) summary.known++;
      } else decide(entry, match);
    }
    yield decisions;
    decisions = [];
  }
  await first;
  for (let row = known.peek() ?? (await known.load()); row; row = known.peek() ?? (await known.load())) {
    missing(row);
    known.take();
    if (decisions.length >= PAGE) {
      yield decisions;
      decisions = [];
    }
  }
  if (decisions.length) yield decisions;
  return summary;
}

function sameContent({ contentTag }: PlanRules, before: string, now: string): boolean {
  const tag = contentTag?.(now) ?? null;
  return tag !== null && tag === contentTag?.(before);
}

const PAGE = 2000;

/** Steps through pages of rows, holding one page. */
function cursor(pages: Pages<Known>, what: string) {
  const iterator = Symbol.asyncIterator in pages ? pages[Symbol.asyncIterator]() : pages[Symbol.iterator]();
  let page: Known[] = [];
  let at = 0;
  let before: string | undefined;
  return {
    peek: (): Known | undefined => page[at],
    take(): Known | undefined {
      const row = page[at++];
      before = row?.path;
      const next = page[at];
      if (row && next && comparePaths(row.path, next.path) >= 0) throw disorder(what, row.path, next.path);
      return row;
    },
    /** The first row of the next page that has any. */
    async load(): Promise<Known | undefined> {
      do {
        const step = await iterator.next();
        if (step.done) return undefined;
        page = step.value;
        at = 0;
      } while (!page.length);
      if (before !== undefined && comparePaths(before, page[0]!.path) >= 0) throw disorder(what, before, page[0]!.path);
      return page[0];
    },
  };
}

const disorder = (what: string, before: string, after: string) =>
  errors.internal(`${what} is not in ascending byte order of its paths: ${JSON.stringify(after)} came after ${JSON.stringify(before)}.`);

export interface BatchLimits {
  maxItems: number;
  maxBytes: number;
  /** A file of this size or more travels alone. */
  largeFrom: number;
}
export const batchLimits: BatchLimits = { maxItems: 512, maxBytes: 8 * 2 ** 20, largeFrom: 8 * 2 ** 20 };

export interface Batch {
  items: FetchItem[];
  bytes: number;
}

/** Groups what is to be fetched, keeping the order. `add` answers the batches that are full now, `end` what is left. */
export function batches(limits: BatchLimits = batchLimits): { add(item: FetchItem): Batch[]; end(): Batch[] } {
  let open: Batch = { items: [], bytes: 0 };
  const end = () => {
    const full = open;
    open = { items: [], bytes: 0 };
    return full.items.length ? [full] : [];
  };
  return {
    add({ path, size, modifiedAt, fingerprint, known }) {
      const item = { path, size, modifiedAt, fingerprint, ...(known && { known }) };
      if (size >= limits.largeFrom) return [{ items: [item], bytes: size }];
      const full = open.items.length >= limits.maxItems || open.bytes + size > limits.maxBytes ? end() : [];
      open.items.push(item);
      open.bytes += size;
      return full;
    },
    end,
  };
}
