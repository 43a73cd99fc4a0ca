import { bulk, row, type Em } from "../../mixins/database.ts";
import { carryOut, timeText, type JobRef } from "./changes.ts";
import type { FetchItem } from "./plan.ts";
import { nameOf } from "./sources/source.ts";

/**
 * Finds in one stored batch the items that are gone elsewhere, turns those gone rows into moves and takes the items out of the batch.
 * @param tagOf a move's tag, null for what only its content tells
 * @param unique whether a tag that several gone assets have decides nothing: true where the tag is not the content's own
 * @returns how many were found
 */
export async function findMoves(
  em: Em,
  job: JobRef,
  batchNumber: number,
  tagOf: (fingerprint: string, path: string) => string | null,
  unique: boolean,
): Promise<{ items: number; bytes: number }> {
  const batch = await row<{ items: FetchItem[] }>(em, `select items from sync.batches where job_id = ? and number = ?`, [
    job.id,
    batchNumber,
  ]);
  const tagged = (batch?.items ?? []).flatMap((item) => {
    const tag = item.known ? null : tagOf(item.fingerprint, item.path);
    return tag === null ? [] : [{ item, tag }];
  });
  if (!tagged.length) return { items: 0, bytes: 0 };
  const candidates = await bulk<{ tag: string; paths: string[] }>(
    em,
    `select move_tag as tag, json_agg(path order by path) as paths from sync.changes
     where job_id = $1::uuid and action = 'retire' and move_tag in (select value from json_array_elements_text($2::json)) group by move_tag`,
    [job.id, JSON.stringify(tagged.map(({ tag }) => tag))],
  );
  const left = new Map(candidates.map(({ tag, paths }) => [tag, paths]));
  const moves = tagged.flatMap(({ item, tag }) => {
    const paths = left.get(tag);
    if (!paths?.length || (unique && paths.length > 1)) return [];
    const from = bestOf(paths, item.path);
    paths.splice(paths.indexOf(from), 1);
    return [{ item, from }];
  });
  if (!moves.length) return { items: 0, bytes: 0 };
  await planMoves(em, job, moves);
  const moved = new Set(moves.map(({ item }) => item));
  const rest = batch!.items.filter((item) => !moved.has(item));
  const bytes = moves.reduce((sum, { item }) => sum + item.size, 0);
  if (rest.length)
    await bulk(
      em,
      `update sync.batches set items = $3::jsonb, item_count = $4, bytes = bytes - $5 where job_id = $1::uuid and number = $2`,
      [job.id, batchNumber, JSON.stringify(rest), rest.length, bytes],
    );
  else await em.execute(`delete from sync.batches where job_id = ? and number = ?`, [job.id, batchNumber], "run");
  return { items: moves.length, bytes };
}

type Listed = Pick<FetchItem, "path" | "fingerprint" | "modifiedAt">;

/** Turns rows of what is gone into moves. */
async function planMoves(em: Em, job: JobRef, moves: { from: string; item: Listed }[]): Promise<void> {
  const list = moves.map(({ from, item: { path, fingerprint, modifiedAt } }) => ({
    from,
    to: path,
    fingerprint,
    modified_at: timeText(modifiedAt),
  }));
  await bulk(
    em,
    `update sync.changes c set action = 'move', to_path = m."to", fingerprint = m.fingerprint, modified_at = m.modified_at
     from json_to_recordset($2::json) as m("from" text, "to" text, fingerprint text, modified_at timestamptz)
     where c.job_id = $1::uuid and c.path = m."from"`,
    [job.id, JSON.stringify(list)],
  );
}

/**
 * Turns new files into moves by their content, before their batch is catalogued: an asset that is gone, and has the content of one of them,
 * gets its path and so keeps its id. For sources whose listing can't tell, above all folders.
 * @param items of a pulled batch, content ids in hexadecimal
 * @returns paths that assets have moved to
 */
export async function moveByContent(
  em: Em,
  job: JobRef & { sourceId: string },
  items: (Listed & { contentId: string })[],
): Promise<Set<string>> {
  const candidates = await bulk<{ content: string; path: string }>(
    em,
    `select encode(content_id, 'hex') as content, path from sync.changes
     where job_id = $1::uuid and action = 'retire' and done_at is null
       and content_id in (select decode(value, 'hex') from json_array_elements_text($2::json)) order by path for update`,
    [job.id, JSON.stringify(items.map(({ contentId }) => contentId))],
  );
  if (!candidates.length) return new Set();
  const taken = await bulk<{ path: string }>(
    em,
    `select path from sync.assets where tenant_id = $1::uuid and source_id = $2::uuid and path in (select value from json_array_elements_text($3::json))`,
    [job.tenantId, job.sourceId, JSON.stringify(items.map(({ path }) => path))],
  );
  const there = new Set(taken.map(({ path }) => path));
  const moves: { from: string; item: Listed }[] = [];
  for (const item of items) {
    const equal = there.has(item.path) ? [] : candidates.filter(({ content }) => content === item.contentId).map(({ path }) => path);
    if (!equal.length) continue;
    const from = bestOf(equal, item.path);
    candidates.splice(
      candidates.findIndex(({ path }) => path === from),
      1,
    );
    moves.push({ from, item });
  }
  if (!moves.length) return new Set();
  await planMoves(em, job, moves);
  await carryOut(
    em,
    job,
    "move",
    moves.map(({ from }) => from),
  );
  return new Set(moves.map(({ item }) => item.path));
}

/** Of several equal contents the one with the same file name, else the first. */
function bestOf(paths: string[], to: string): string {
  return paths.find((path) => nameOf(path) === nameOf(to)) ?? paths[0]!;
}
