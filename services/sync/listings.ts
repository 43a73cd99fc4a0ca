import type { Page } from "../../config/action.ts";
import { rows, type Em } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf, type Cursor } from "../../mixins/page.ts";
import { jobById } from "./job.ts";
import { outcomeNames, type OutcomeLetter } from "./report.ts";

export const planActions = ["fetch", "move", "touch", "retire"] as const;
export type PlanAction = (typeof planActions)[number];

/** What a plan does to one item. */
export interface PlanItem {
  action: PlanAction;
  path: string;
  /** For a move: where the asset goes. */
  to?: string;
  size: number;
  modifiedAt: string | null;
  assetId: string | null;
}

interface Wanted {
  limit: number;
  cursor?: string | undefined;
}

/** A page of what a job's plan does by one action. @throws JOB_NOT_FOUND */
export async function planItems(
  em: Em,
  secret: string,
  tenantId: string,
  id: string,
  wanted: Wanted & { action: PlanAction },
): Promise<Page<PlanItem>> {
  await jobById(em, id);
  const { action, limit } = wanted;
  const scope = ["sync.plan", tenantId, id, action];
  const cursor = decodeCursor(secret, scope, wanted.cursor);
  if (action === "fetch") {
    const found = await fetched<PlanItem & Place>(em, id, cursor?.after, limit, `'fetch' as action, null::uuid as "assetId"`);
    return pageOf(found, limit, cursor !== undefined, shown, (last) => encodeCursor(secret, scope, { after: [last.number, last.ordinal] }));
  }
  const found = await rows<PlanItem>(
    em,
    `select action, path, to_path as "to", size::float8 as size, ${isoTime("modified_at")} as "modifiedAt", asset_id as "assetId" from sync.changes
     where job_id = ? and action = ? ${cursor ? "and path > ?" : ""} order by path limit ${limit + 1}`,
    [id, action, ...(cursor?.after ?? [])],
  );
  return pageOf(
    found,
    limit,
    cursor !== undefined,
    ({ to, ...item }) => ({ ...item, ...(to && { to }) }),
    (last) => encodeCursor(secret, scope, { after: [last.path] }),
  );
}

/** An item's place in the batches. */
interface Place {
  number: number;
  ordinal: number;
}

const shown = <T extends Place>({ number: _number, ordinal: _ordinal, ...item }: T) => item;

/** Items of batches after a place, in order. */
async function fetched<T>(em: Em, jobId: string, after: unknown[] | undefined, limit: number, columns: string, done = false): Promise<T[]> {
  const [number = 0, ordinal = 0] = (after ?? []) as number[];
  return await rows<T>(
    em,
    `select b.number, i.ordinal::int as ordinal, i.item->>'path' as path, (i.item->>'size')::float8 as size,
            ${isoTime("to_timestamp((i.item->>'modifiedAt')::float8 / 1000)")} as "modifiedAt", ${columns}
     from sync.batches b cross join lateral jsonb_array_elements(b.items) with ordinality as i(item, ordinal)
     where b.job_id = ? and b.number >= ? and (b.number > ? or i.ordinal > ?) ${done ? "and b.done_at is not null" : ""}
     order by b.number, i.ordinal limit ${limit + 1}`,
    [jobId, number, number, ordinal],
  );
}

/** What became of one item. */
export interface ReportItem {
  path: string;
  outcome: (typeof outcomeNames)[OutcomeLetter] | "gone";
  size: number;
  /** For a move: where the asset went. */
  to?: string;
  error?: { type: string; message: string; attempts: number };
}

const sections = ["fetched", "changed", "failed"] as const;

/**
 * A page of a job's report: first what was fetched, in the order of the source, then what was moved, touched or retired, then what could not
 * be listed or read. Sections follow each other; a page may be shorter than asked for at their borders.
 * @throws JOB_NOT_FOUND
 */
export async function itemReport(em: Em, secret: string, tenantId: string, id: string, wanted: Wanted): Promise<Page<ReportItem>> {
  await jobById(em, id);
  const { limit } = wanted;
  const scope = ["sync.report", tenantId, id];
  const cursor = decodeCursor(secret, scope, wanted.cursor);
  const [first = sections[0], ...place] = (cursor?.after ?? []) as [(typeof sections)[number]?, ...unknown[]];
  let after: unknown[] | undefined = place.length ? place : undefined;
  for (const section of sections.slice(sections.indexOf(first))) {
    const { items, last } = await readers[section](em, id, after, limit);
    after = undefined;
    if (!items.length) continue;
    const following = sections[sections.indexOf(section) + 1];
    const more: Cursor["after"] | undefined = last ? [section, ...last] : following && [following];
    return {
      data: items,
      pagination: {
        cursor: more ? encodeCursor(secret, scope, { after: more }) : null,
        hasNext: more !== undefined,
        hasPrev: cursor !== undefined,
      },
    };
  }
  return { data: [], pagination: { cursor: null, hasNext: false, hasPrev: cursor !== undefined } };
}

interface Section {
  items: ReportItem[];
  /** Where the section goes on; undefined at its end. */
  last: Cursor["after"] | undefined;
}

const readers: Record<(typeof sections)[number], (em: Em, id: string, after: unknown[] | undefined, limit: number) => Promise<Section>> = {
  async fetched(em, id, after, limit) {
    const found = await fetched<Place & { path: string; size: number; letter: OutcomeLetter }>(
      em,
      id,
      after,
      limit,
      `substr(b.outcomes, i.ordinal::int, 1) as letter`,
      true,
    );
    const page = found.slice(0, limit);
    // What failed is told in its own section, with the reason.
    const items = page
      .filter(({ letter }) => letter !== "f")
      .map(({ path, size, letter }) => ({ path, outcome: outcomeNames[letter], size }));
    const end = page.at(-1);
    if (!items.length && found.length > limit) return await readers.fetched(em, id, [end!.number, end!.ordinal], limit);
    return { items, last: found.length > limit ? [end!.number, end!.ordinal] : undefined };
  },
  async changed(em, id, after, limit) {
    const found = await rows<{ path: string; to: string | null; size: number; action: string }>(
      em,
      `select path, to_path as "to", size::float8 as size, action from sync.changes
       where job_id = ? and done_at is not null ${after ? "and path > ?" : ""} order by path limit ${limit + 1}`,
      [id, ...(after ?? [])],
    );
    const names = { move: "moved", touch: "touched", retire: "gone" } as const;
    const items = found.slice(0, limit).map(({ path, to, size, action }) => {
      return { path, outcome: names[action as keyof typeof names], size, ...(to && { to }) };
    });
    return { items, last: found.length > limit ? [items.at(-1)!.path] : undefined };
  },
  async failed(em, id, after, limit) {
    const found = await rows<{ path: string; type: string; message: string; attempts: number }>(
      em,
      `select path, type, message, attempts from sync.failures where job_id = ? ${after ? "and path > ?" : ""} order by path limit ${limit + 1}`,
      [id, ...(after ?? [])],
    );
    const items = found.slice(0, limit).map(({ path, ...error }): ReportItem => ({ path, outcome: "failed", size: 0, error }));
    return { items, last: found.length > limit ? [items.at(-1)!.path] : undefined };
  },
};
