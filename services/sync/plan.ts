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

/**
 * Merge-joins a listing with the catalogue; both in ascending UTF-8 byte order of the path (PostgreSQL: collate "C").
 * Memory is one page of each, whatever their length. Yields decisions page by page and returns the summary.
 * @throws when either side is out of order.
 */
export declare function plan(
  entries: AsyncIterable<Entry[]> | Iterable<Entry[]>,
  rows: AsyncIterable<Known[]> | Iterable<Known[]>,
  mode: "incremental" | "full",
): AsyncGenerator<Decision[], PlanSummary>;

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

/** Groups what is to be fetched. `add` answers the batches that are full now, `end` what is left. */
export declare function batches(limits?: BatchLimits): { add(item: FetchItem): Batch[]; end(): Batch[] };
