import { failureOf } from "../../../../config/errors.ts";
import type { Entry, Problem } from "../source.ts";
import { CONNECTIONS } from "./connect.ts";
import { entryOf, type Facts } from "./facts.ts";
import { isFolder } from "./probe.ts";

/** One thing in a folder, or in a manifest. */
export interface Item {
  /** That of a folder ends in '/'. */
  name: string;
  /** Absent when its own URL has to be asked for them. */
  facts?: Facts;
  problem?: Problem;
}

/** An item on its way to becoming an entry. */
export interface Pending {
  path: string;
  item: Item;
}

/** Entries on a page. */
export const PAGE = 1000;

/** Facts of a file that a listing does not tell; undefined when it is gone since. */
export type AskFacts = (path: string, signal: AbortSignal | undefined) => Promise<Facts | undefined>;

/** The entries of a page, in its order; what has to be asked for is asked for side by side. */
export async function entriesOf(ask: AskFacts, page: Pending[], signal: AbortSignal | undefined): Promise<Entry[]> {
  const queue = page.entries();
  const entries: (Entry | undefined)[] = [];
  const worker = async () => {
    for (const [i, { path, item }] of queue)
      entries[i] = item.facts && !item.problem ? entryOf(path, item.facts) : await entryFor(ask, path, item, signal);
  };
  await Promise.all(Array.from({ length: Math.min(page.length, CONNECTIONS) }, worker));
  return entries.filter((entry) => entry !== undefined);
}

async function entryFor(ask: AskFacts, path: string, { problem }: Item, signal: AbortSignal | undefined): Promise<Entry | undefined> {
  if (problem) return problemEntry(path, problem);
  try {
    const facts = await ask(path, signal);
    return facts && entryOf(path, facts);
  } catch (error) {
    signal?.throwIfAborted();
    const hides = isFolder(error) && { hides: `${path}/` };
    return problemEntry(path, { ...problemOf(error), ...hides });
  }
}

const problemEntry = (path: string, problem: Problem): Entry => ({ path, size: 0, modifiedAt: null, fingerprint: "", problem });

/** Why a single entry can't be had. @throws what may pass, or concerns more than that entry */
export function problemOf(error: unknown): Problem {
  const { type, message, retryable } = failureOf(error);
  if (!type.startsWith("SOURCE_") || retryable) throw error;
  return { type, message };
}
