import { bulk, row, type Em } from "../../mixins/database.ts";

/** What a source's retention is where its settings say nothing (services/sync/options.ts). */
const versionsKept = 100;
const daysKept = 365;
const goneDaysKept = 30;
/** How long the item reports of ended jobs are kept; the jobs themselves stay. */
const reportDays = 30;

const assetsPerPage = 2_000;
/** How long the row of an asset that was given up stays: jobs that are under way may still name it. */
const removedDays = 1;

/** What a retention has ended for. */
export interface Expired {
  versions: number;
  assets: number;
  reports: number;
}

/**
 * Removes, of a page of a tenant's assets, the versions that have been replaced for longer than their source keeps them and that are more than it
 * keeps in any case, and assets that have been gone for longer than a source that propagates deletions keeps them. The state that an
 * asset is in is never removed while the asset is there. Contents are left to garbage collection.
 * @param after source and path of the last asset of the page before; empty at the beginning
 * @returns where the next page begins, null at the end
 */
export async function expirePage(
  em: Em,
  tenantId: string,
  after: string,
): Promise<{ expired: Omit<Expired, "reports">; next: string | null }> {
  const [sourceId = "", ...path] = (after || "00000000-0000-0000-0000-000000000000 ").split(" ");
  // By the index of their places: ids of all tenants lie among each other. Most assets have nothing that could end.
  const page = await row<{ ids: string[] | null; last: string | null; count: number }>(
    em,
    `with page as (
       select id, source_id, path, version > 1 or gone_at is not null or removed_at is not null as due from sync.assets
       where tenant_id = ? and (source_id, path) > (?::uuid, ?) order by source_id, path limit ${assetsPerPage}
     )
     select json_agg(id) filter (where due) as ids, count(*)::int as count,
            (select source_id || ' ' || path from page order by source_id desc, path desc limit 1) as last from page`,
    [tenantId, sourceId, path.join(" ")],
  );
  const next = page && page.count === assetsPerPage ? page.last : null;
  if (!page?.ids) return { expired: { versions: 0, assets: 0 }, next };
  const [removed] = await bulk<{ versions: number; assets: number }>(
    em,
    `with page as (
       select a.id, a.version, a.gone_at, s.settings->>'deletions' as deletions,
              coalesce((s.settings->'retention'->>'versions')::int, ${versionsKept}) as kept,
              coalesce((s.settings->'retention'->>'days')::int, ${daysKept}) * interval '1 day' as days,
              coalesce((s.settings->'retention'->>'goneDays')::int, ${goneDaysKept}) * interval '1 day' as gone_days
       from sync.assets a join sync.sources s on s.id = a.source_id
       where a.id in (select value::uuid from json_array_elements_text($1::json)) for update of a
     ), buried as (
       delete from sync.assets a using page p where a.id = p.id and a.removed_at < now() - interval '${removedDays} days'
     ), lost as (
       update sync.assets a set removed_at = now() from page p
       where a.id = p.id and p.deletions = 'propagate' and p.gone_at < now() - p.gone_days and a.removed_at is null returning a.id
     ), ranked as (
       select v.asset_id, v.version, p.version as current, p.kept, p.days, p.gone_at, p.deletions, p.gone_days,
              row_number() over newest as place, lag(v.created_at) over newest as replaced_at
       from page p join sync.asset_versions v on v.asset_id = p.id window newest as (partition by v.asset_id order by v.version desc)
     ), dead as (
       delete from sync.asset_versions v using ranked r
       where v.asset_id = r.asset_id and v.version = r.version
         and ((r.version <> r.current and r.place > r.kept and r.replaced_at < now() - r.days)
              or (r.deletions = 'propagate' and r.gone_at < now() - r.gone_days))
       returning 1
     ), words as (delete from sync.asset_words w using lost l where w.asset_id = l.id)
     select (select count(*) from dead)::int as versions, (select count(*) from lost)::int as assets`,
    [JSON.stringify(page.ids)],
  );
  return { expired: removed ?? { versions: 0, assets: 0 }, next };
}

/** Removes the item reports of some jobs that ended long ago. @returns how many jobs' were removed; 0 when none is left */
export async function expireReports(em: Em, tenantId: string): Promise<number> {
  const done = await row<{ jobs: number }>(
    em,
    `with old as (
       select j.id from sync.sync_jobs j where j.tenant_id = ? and j.completed_at < now() - interval '${reportDays} days'
         and (exists (select 1 from sync.batches b where b.job_id = j.id) or exists (select 1 from sync.changes c where c.job_id = j.id)
              or exists (select 1 from sync.failures f where f.job_id = j.id))
       limit 20
     ), batches as (delete from sync.batches where job_id in (select id from old)),
        changes as (delete from sync.changes where job_id in (select id from old)),
        failures as (delete from sync.failures where job_id in (select id from old))
     select count(*)::int as jobs from old`,
    [tenantId],
  );
  return done?.jobs ?? 0;
}
