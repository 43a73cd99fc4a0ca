import { bulk, rows, type Database } from "../../mixins/database.ts";
import type { Known } from "./plan.ts";
import type { KnownContent } from "./pull.ts";

const pageSize = 5_000;

/** What the catalogue has of a source, in byte order of the path, page by page; the next page is read while one is worked on. */
export async function* knownAssets(database: Database, tenantId: string, sourceId: string): AsyncGenerator<Known[]> {
  const read = (after: string) => {
    const page = database.tenant(tenantId, (em) =>
      rows<Known>(
        em,
        `select id as "assetId", path, fingerprint, gone_at is not null as gone
         from sync.assets where tenant_id = ? and source_id = ? and path > ? order by path limit ${pageSize}`,
        [tenantId, sourceId, after],
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
    // An array literal, not a joined list: whatever the table's statistics say, this is a look-up per id in the primary key.
    const wanted = `{${contentIds.map((id) => `"\\\\x${id}"`).join(",")}}`;
    const found = await database.tenant(tenantId, (em) =>
      bulk<{ id: string }>(
        em,
        `select encode(content_id, 'hex') as id from sync.blobs where tenant_id = $1::uuid and content_id = any($2::bytea[])`,
        [tenantId, wanted],
      ),
    );
    return new Set(found.map(({ id }) => id));
  };
