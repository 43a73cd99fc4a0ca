import { prepared, rows, type Database } from "../../mixins/database.ts";
import type { Known } from "./plan.ts";
import type { KnownContent } from "./pull.ts";

const pageSize = 5_000;

/** What the catalogue has of a source, in byte order of the path, page by page; the next page is read while one is worked on. */
export async function* knownAssets(database: Database, tenantId: string, sourceId: string): AsyncGenerator<Known[]> {
  const read = (after: string) => {
    const page = database.tenant(tenantId, (em) =>
      rows<Known>(
        em,
        // Bounds and order that only the key of paths can serve: of a source that was loaded a moment ago statistics know nothing, and another
        // index would be read whole and sorted for every page.
        `select id as "assetId", path, fingerprint, gone_at is not null as gone from sync.assets
         where (tenant_id, source_id, path) > (?, ?, ?) and (tenant_id, source_id) <= (?, ?) order by tenant_id, source_id, path limit ${pageSize}`,
        [tenantId, sourceId, after, tenantId, sourceId],
      ),
    );
    // Met where it is awaited; a reader that leaves early never asks.
    page.catch(() => {});
    return page;
  };
  for (let next: Promise<Known[]> | undefined = read(""); next;) {
    const page: Known[] = await next;
    next = page.length < pageSize ? undefined : read(page.at(-1)!.path);
    if (page.length) yield page;
  }
}

/** Which contents the tenant's vault holds already. */
export const knownContent =
  (database: Database, tenantId: string): KnownContent =>
  async (contentIds) => {
    const wanted = `{${contentIds.map((id) => `"\\\\x${id}"`).join(",")}}`;
    const found = await database.tenant(tenantId, (em) =>
      prepared<{ id: string }>(
        em,
        // Whatever the table's statistics say, this is a look-up per id in the primary key: the limit keeps it from being joined otherwise.
        `select encode(wanted.id, 'hex') as id from unnest($2::bytea[]) as wanted(id)
         cross join lateral (select 1 from sync.blobs b where b.tenant_id = $1::uuid and b.content_id = wanted.id limit 1) known`,
        [tenantId, wanted],
      ),
    );
    return new Set(found.map(({ id }) => id));
  };
