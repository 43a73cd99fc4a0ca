import { bulk, rows, type Database, type Em } from "../../mixins/database.ts";
import type { JobRef } from "./changes.ts";
import type { Job } from "./load.ts";

const pageSize = 5_000;

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
