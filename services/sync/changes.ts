import { bulk, row, rows, type Em } from "../../mixins/database.ts";
import { appendEvent } from "../../mixins/events.ts";
import type { GoneDecision, TouchDecision } from "./plan.ts";

/** What a plan does to the catalogue without fetching: written beside the batches, carried out after them. */
export interface JobRef {
  id: string;
  tenantId: string;
}

/** @param moveTag of a fingerprint and path, null when a move can't be told by the listing */
export async function writeGone(
  em: Em,
  job: JobRef,
  gone: GoneDecision[],
  moveTag: (fingerprint: string, path: string) => string | null,
): Promise<void> {
  if (!gone.length) return;
  await bulk(
    em,
    `insert into sync.changes (job_id, tenant_id, path, action, asset_id, size, content_id, move_tag)
     select $1::uuid, $2::uuid, a.path, 'retire', a.id, a.size, a.content_id, g.tag
     from json_to_recordset($3::json) as g(id uuid, tag text) join sync.assets a using (id)
     on conflict do nothing`,
    [
      job.id,
      job.tenantId,
      JSON.stringify(gone.map(({ assetId, fingerprint, path }) => ({ id: assetId, tag: moveTag(fingerprint, path) }))),
    ],
  );
}

export async function writeTouches(em: Em, job: JobRef, touches: TouchDecision[]): Promise<void> {
  if (!touches.length) return;
  const listed = touches.map(({ assetId, fingerprint, modifiedAt, size }) => ({
    id: assetId,
    fingerprint,
    size,
    modified_at: timeText(modifiedAt),
  }));
  await bulk(
    em,
    `insert into sync.changes (job_id, tenant_id, path, action, asset_id, fingerprint, modified_at, size, content_id)
     select $1::uuid, $2::uuid, a.path, 'touch', a.id, t.fingerprint, t.modified_at, t.size, a.content_id
     from json_to_recordset($3::json) as t(id uuid, fingerprint text, modified_at timestamptz, size bigint) join sync.assets a using (id)
     on conflict do nothing`,
    [job.id, job.tenantId, JSON.stringify(listed)],
  );
}

export const timeText = (milliseconds: number | null): string | null =>
  milliseconds === null ? null : new Date(milliseconds).toISOString();

/** Forgets what would be retired: after an incomplete listing, or where deletions are kept. */
export async function forgetGone(em: Em, jobId: string): Promise<void> {
  await em.execute(`delete from sync.changes where job_id = ? and action = 'retire'`, [jobId], "run");
}

/** Changes carried out per transaction. */
const pageSize = 2_000;

/**
 * Carries out a page of what waits: moves first, whose target a later row may not hold, then touches, then what is gone.
 * @returns how many rows were taken; 0 when none waits
 */
export async function applyChanges(em: Em, job: JobRef): Promise<number> {
  const page = await rows<{ path: string; action: "move" | "touch" | "retire" }>(
    em,
    `select path, action from sync.changes where job_id = ? and done_at is null
     order by case action when 'move' then 0 when 'touch' then 1 else 2 end, path limit ${pageSize}`,
    [job.id],
  );
  const [first] = page;
  if (!first) return 0;
  const paths = page.filter(({ action }) => action === first.action).map(({ path }) => path);
  await carryOut(em, job, first.action, paths);
  return paths.length;
}

const means = { move, touch, retire };

/** Carries out changes of one action, given by their path. */
export async function carryOut(em: Em, job: JobRef, action: keyof typeof means, paths: string[]): Promise<void> {
  await means[action](em, job, paths);
  await bulk(
    em,
    `update sync.changes set done_at = now() where job_id = $1::uuid and path in (select value from json_array_elements_text($2::json))`,
    [job.id, JSON.stringify(paths)],
  );
}

/**
 * Only assets that nobody has changed since the job began to list: another job of the source may have found meanwhile what this one missed.
 */
const wanted = `sync.changes c join sync.sync_jobs j on j.id = c.job_id where a.updated_at < j.started_at and c.job_id = $1::uuid and c.path in (select value from json_array_elements_text($2::json))`;

/** Writes a version row for assets that were just updated: `changed` gives id. */
const versionsOf = (changed: string, change: string) => `
  insert into sync.asset_versions (asset_id, version, tenant_id, change, path, content_id, masked_checksum, size, modified_at, job_id)
  select a.id, a.version, a.tenant_id, '${change}', a.path, a.content_id, last.masked_checksum, a.size, a.modified_at, $1::uuid
  from ${changed} a cross join lateral (
    select masked_checksum from sync.asset_versions v where v.asset_id = a.id order by version desc limit 1
  ) last`;

const changedColumns = "a.id, a.version, a.tenant_id, a.path, a.content_id, a.size, a.modified_at";

async function retire(em: Em, job: JobRef, paths: string[]): Promise<void> {
  const retired = await bulk<{ asset_id: string }>(
    em,
    `with retired as (
       update sync.assets a set gone_at = now(), updated_at = now(), version = a.version + 1
       from ${wanted} and a.id = c.asset_id and a.path = c.path and a.gone_at is null returning ${changedColumns}
     ) ${versionsOf("retired", "gone")} returning asset_id`,
    [job.id, JSON.stringify(paths)],
  );
  if (!retired.length) return;
  await em.execute(`update sync.sync_jobs set items_gone = items_gone + ? where id = ?`, [retired.length, job.id], "run");
  const data = { jobId: job.id, assetIds: retired.map(({ asset_id }) => asset_id) };
  await appendEvent(em, "sync", { tenantId: job.tenantId, type: "asset.gone", stream: `assets:${job.id}`, data });
}

async function touch(em: Em, job: JobRef, paths: string[]): Promise<void> {
  await bulk(
    em,
    `with touched as (
       update sync.assets a set fingerprint = c.fingerprint, modified_at = c.modified_at, updated_at = now(),
              version = a.version + (a.modified_at is distinct from c.modified_at)::int
       from ${wanted} and a.id = c.asset_id and a.gone_at is null returning ${changedColumns}
     ) ${versionsOf("touched", "touched")} on conflict do nothing`,
    [job.id, JSON.stringify(paths)],
  );
}

async function move(em: Em, job: JobRef, paths: string[]): Promise<void> {
  const moved = await bulk<{ asset_id: string }>(
    em,
    `with moved as (
       update sync.assets a set path = c.to_path, name = regexp_replace(c.to_path, '^.*/', ''), fingerprint = c.fingerprint,
              modified_at = c.modified_at, updated_at = now(), version = a.version + 1
       from ${wanted} and a.id = c.asset_id
         -- Another job of the source may have put something there meanwhile: then the next run sees to it.
         and not exists (select 1 from sync.assets t where t.tenant_id = a.tenant_id and t.source_id = a.source_id and t.path = c.to_path)
       returning ${changedColumns}
     ) ${versionsOf("moved", "moved")} returning asset_id`,
    [job.id, JSON.stringify(paths)],
  );
  await tellMoves(
    em,
    job,
    moved.map(({ asset_id }) => asset_id),
  );
}

/** Counts and tells assets that the job has moved. */
async function tellMoves(em: Em, job: JobRef, assetIds: string[]): Promise<void> {
  if (!assetIds.length) return;
  await em.execute(`update sync.sync_jobs set items_moved = items_moved + ? where id = ?`, [assetIds.length, job.id], "run");
  const assets = await bulk<{ id: string; from: string; to: string }>(
    em,
    `select asset_id as id, path as "from", to_path as "to" from sync.changes
     where job_id = $1::uuid and action = 'move' and asset_id in (select value::uuid from json_array_elements_text($2::json))`,
    [job.id, JSON.stringify(assetIds)],
  );
  await appendEvent(em, "sync", {
    tenantId: job.tenantId,
    type: "asset.moved",
    stream: `assets:${job.id}`,
    data: { jobId: job.id, assets },
  });
}

/** What waits to be carried out, by action. */
export async function countChanges(em: Em, jobId: string): Promise<Record<"retire" | "move" | "touch", number>> {
  const found = await row<{ retire: number; move: number; touch: number }>(
    em,
    `select count(*) filter (where action = 'retire')::int as retire, count(*) filter (where action = 'move')::int as move,
            count(*) filter (where action = 'touch')::int as touch from sync.changes where job_id = ?`,
    [jobId],
  );
  return found ?? { retire: 0, move: 0, touch: 0 };
}
