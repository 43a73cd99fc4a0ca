import { bulk, rows, type Database, type Em } from "../../mixins/database.ts";
import type { JobRef } from "./changes.ts";
import type { Job } from "./load.ts";
import type { PushOptions } from "./planners/push.ts";
import type { Entry } from "./sources/source.ts";

const pageSize = 5_000;

/**
 * Assets of a source as they are now, in byte order of the path, or as they were at a moment, in the order of the path that they have now.
 * The fingerprint is the content id, hexadecimal.
 */
export async function* assetPages(database: Database, job: Job, { prefix = "", at, assetId }: PushOptions): AsyncGenerator<Entry[]> {
  let after = "";
  for (;;) {
    const page = await database.tenant(job.tenantId, (em) => (at ? pageAt(em, job, at, after) : pageNow(em, job, after)));
    const last = page.at(-1);
    if (!last) return;
    yield page.filter(({ id, path, gone }) => !gone && path.startsWith(prefix) && (!assetId || id === assetId)).map(entryOf);
    after = last.place;
  }
}

interface Row {
  id: string;
  /** Where it is now. */
  place: string;
  path: string;
  size: number;
  modified: number | null;
  content: string;
  gone: boolean;
}
const entryOf = ({ path, size, modified, content }: Row): Entry => ({ path, size, modifiedAt: modified, fingerprint: content });

const columns = (of: string) =>
  `a.id, a.path as place, ${of}.path, ${of}.size::float8 as size, (extract(epoch from ${of}.modified_at) * 1000)::float8 as modified,
   encode(${of}.content_id, 'hex') as content`;

const pageNow = (em: Em, job: Job, after: string) =>
  rows<Row>(
    em,
    `select ${columns("a")}, a.gone_at is not null or a.removed_at is not null as gone from sync.assets a
     where a.tenant_id = ? and a.source_id = ? and a.path > ? order by a.path limit ${pageSize}`,
    [job.tenantId, job.sourceId, after],
  );

/** The last version at or before the moment. */
const pageAt = (em: Em, job: Job, at: string, after: string) =>
  rows<Row>(
    em,
    `select ${columns("v")}, v.change = 'gone' as gone
     from (select * from sync.assets where tenant_id = ? and source_id = ? and path > ? order by path limit ${pageSize}) a
     cross join lateral (select * from sync.asset_versions v where v.asset_id = a.id and v.created_at <= ?::timestamptz order by v.version desc limit 1) v
     order by a.path`,
    [job.tenantId, job.sourceId, after, at],
  );

/** What was written to a target, in byte order of the path. */
export async function* writtenItems(
  database: Database,
  job: Job,
): AsyncGenerator<{ path: string; contentId: string; fingerprint: string }[]> {
  let after = "";
  for (;;) {
    const page = await database.tenant(job.tenantId, (em) =>
      rows<{ path: string; contentId: string; fingerprint: string }>(
        em,
        `select path, encode(content_id, 'hex') as "contentId", fingerprint from sync.mirror_items where target_id = ? and path > ? order by path limit ${pageSize}`,
        [job.targetId, after],
      ),
    );
    const last = page.at(-1);
    if (!last) return;
    yield page;
    after = last.path;
  }
}

/** An item that stands at the target. */
export interface Written {
  path: string;
  contentId: string;
  size: number;
  fingerprint: string;
}

/** Remembers what was written. */
export async function recordWritten(em: Em, job: JobRef & { targetId: string }, items: Written[]): Promise<void> {
  if (!items.length) return;
  await bulk(
    em,
    `insert into sync.mirror_items as m (target_id, tenant_id, path, content_id, size, fingerprint)
     select $1::uuid, $2::uuid, path, decode("contentId", 'hex'), size, fingerprint
     from json_to_recordset($3::json) as w(path text, "contentId" text, size bigint, fingerprint text)
     on conflict (target_id, path) do update set content_id = excluded.content_id, size = excluded.size, fingerprint = excluded.fingerprint, written_at = now()`,
    [job.targetId, job.tenantId, JSON.stringify(items)],
  );
}
