import { errors } from "../../config/errors.ts";
import { comparePaths } from "./sources/order.ts";
import type { Entry } from "./sources/source.ts";

/** A row of the catalogue, as the plan needs it. */
export interface Known {
  assetId: string;
  path: string;
  /** Of the listing that the current version was fetched by. */
  fingerprint: string;
  contentId: string;
  /** The asset was retired by an earlier run. */
  gone: boolean;
}

export type Decision = FetchDecision | UnchangedDecision | GoneDecision | ProblemDecision;

export interface FetchItem {
  path: string;
  size: number;
  modifiedAt: number | null;
  fingerprint: string;
}
export interface FetchDecision extends FetchItem {
  kind: "fetch";
  reason: "new" | "changed" | "returned" | "full";
  assetId: string | null;
}
export interface UnchangedDecision {
  kind: "unchanged";
  /** `unlisted`: its folder could not be listed, so nothing is known against it. `problem`: it is listed, but can't be read. */
  reason: "fingerprint" | "unlisted" | "problem";
  path: string;
  assetId: string;
}
export interface GoneDecision {
  kind: "gone";
  /** Only to be carried out when the plan ends `complete`. */
  reason: "unlisted";
  path: string;
  assetId: string;
}
export interface ProblemDecision {
  kind: "problem";
  path: string;
  type: string;
  message: string;
}

export interface PlanSummary {
  /** False when some of the source could not be listed: nothing may be retired then. */
  complete: boolean;
  fetch: { items: number; bytes: number };
  unchanged: number;
  gone: number;
  problems: number;
}

type Pages<T> = AsyncIterable<T[]> | Iterable<T[]>;

/**
 * Merge-joins a listing with the catalogue; both in ascending UTF-8 byte order of the path (PostgreSQL: collate "C").
 * Memory is one page of each, whatever their length. Yields decisions page by page and returns the summary.
 * In `full` mode everything that can be read is fetched, whatever its fingerprint.
 * @throws INTERNAL_ERROR when either side is out of order: joined so, assets would be retired that are still there.
 */
export async function* plan(
  entries: Pages<Entry>,
  rows: Pages<Known>,
  mode: "incremental" | "full",
): AsyncGenerator<Decision[], PlanSummary> {
  const summary: PlanSummary = { complete: true, fetch: { items: 0, bytes: 0 }, unchanged: 0, gone: 0, problems: 0 };
  const known = cursor(rows, "The catalogue");
  let hidden: string | undefined;
  let before = "";
  let decisions: Decision[] = [];

  const decide = (decision: Decision) => {
    decisions.push(decision);
    if (decision.kind === "fetch") {
      summary.fetch.items++;
      summary.fetch.bytes += decision.size;
    } else if (decision.kind === "problem") summary.problems++;
    else summary[decision.kind]++;
  };
  const missing = ({ path, assetId, gone }: Known) => {
    if (gone) return;
    if (hidden !== undefined && path.startsWith(hidden)) decide({ kind: "unchanged", reason: "unlisted", path, assetId });
    else decide({ kind: "gone", reason: "unlisted", path, assetId });
  };

  for await (const page of entries) {
    for (const entry of page) {
      if (before && comparePaths(before, entry.path) >= 0) throw disorder("The listing", before, entry.path);
      before = entry.path;
      // Almost always a row is there already; only a page's end is waited for.
      let row = known.peek() ?? (await known.load());
      while (row && comparePaths(row.path, entry.path) < 0) {
        missing(row);
        known.take();
        row = known.peek() ?? (await known.load());
      }
      const match = row?.path === entry.path ? known.take() : undefined;
      if (entry.problem) {
        if (entry.problem.hides !== undefined) {
          summary.complete = false;
          hidden = entry.problem.hides;
        }
        decide({ kind: "problem", path: entry.path, type: entry.problem.type, message: entry.problem.message });
        if (match && !match.gone) decide({ kind: "unchanged", reason: "problem", path: match.path, assetId: match.assetId });
      } else decide(compare(entry, match, mode));
    }
    yield decisions;
    decisions = [];
  }
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

const PAGE = 2000;

function compare({ path, size, modifiedAt, fingerprint }: Entry, row: Known | undefined, mode: "incremental" | "full"): Decision {
  const fetch = (reason: FetchDecision["reason"]): FetchDecision => {
    return { kind: "fetch", reason, path, size, modifiedAt, fingerprint, assetId: row?.assetId ?? null };
  };
  if (!row) return fetch("new");
  if (row.gone) return fetch("returned");
  if (mode === "full") return fetch("full");
  if (row.fingerprint !== fingerprint) return fetch("changed");
  return { kind: "unchanged", reason: "fingerprint", path, assetId: row.assetId };
}

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
    add({ path, size, modifiedAt, fingerprint }) {
      const item = { path, size, modifiedAt, fingerprint };
      if (size >= limits.largeFrom) return [{ items: [item], bytes: size }];
      const full = open.items.length >= limits.maxItems || open.bytes + size > limits.maxBytes ? end() : [];
      open.items.push(item);
      open.bytes += size;
      return full;
    },
    end,
  };
}
