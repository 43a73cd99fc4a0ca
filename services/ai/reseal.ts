import { bulk, rows, type Database } from "../../mixins/database.ts";
import type { Subscription } from "../../mixins/consumer.ts";
import { openTenantKey, resealSmall, type SealingKeys } from "../../mixins/vault/keys.ts";
import type { Vault, WrappedTenantKey } from "../../mixins/vault/ticket.ts";
import { thumbnailPurpose, type Finding } from "./batch.ts";
import type { KeySource } from "./tickets.ts";

/** Thumbnails of one transaction: some megabytes. */
const pageSize = 200;

/**
 * A job that has brought a tenant's vault under a new key → its thumbnails follow. The old key is kept longer than this event can wait
 * (graceMs in services/sync/rekey.ts).
 */
export const resealing = (db: Database, vault: Vault, keys: KeySource): Subscription<"sync.job.completed", void> => ({
  name: "reseal",
  type: "sync.job.completed",
  async work({ tenantId, data }, { signal }) {
    if (data.kind === "rekey") await resealThumbnails(db, vault, keys, tenantId, signal);
  },
});

/** Brings all thumbnails of a tenant under its current key. Those that no key opens stay as they are. @returns how many were sealed anew */
export async function resealThumbnails(
  db: Database,
  vault: Vault,
  keys: KeySource,
  tenantId: string,
  signal: AbortSignal,
): Promise<number> {
  const opened = await openAll(vault, tenantId, await keys(tenantId));
  if (!opened) return 0;
  let resealed = 0;
  for (let after = ""; ;) {
    signal.throwIfAborted();
    const page = await db.tenant(tenantId, async (em) => {
      const found = await rows<{ id: string; sealed: Buffer }>(
        em,
        `select encode(content_id, 'hex') as id, sealed from ai.thumbnails where tenant_id = ? and content_id > decode(?, 'hex')
         order by content_id limit ${pageSize} for update`,
        [tenantId, after],
      );
      const anew = found.flatMap(({ id, sealed }) => {
        const again = resealSmall(opened, thumbnailPurpose(id), sealed);
        return again ? [{ id, sealed: again.toString("base64") }] : [];
      });
      await bulk(
        em,
        `update ai.thumbnails t set sealed = decode(r.sealed, 'base64') from json_to_recordset($2::json) as r(id text, sealed text)
         where t.tenant_id = $1::uuid and t.content_id = decode(r.id, 'hex')`,
        [tenantId, JSON.stringify(anew)],
      );
      return { last: found.length < pageSize ? undefined : found.at(-1)!.id, count: anew.length };
    });
    resealed += page.count;
    if (page.last === undefined) return resealed;
    after = page.last;
  }
}

/**
 * A batch's thumbnails under the key that is current now: it may have been rotated since the batch began, and what is written after
 * `resealThumbnails` has passed by would be left behind.
 */
export async function underCurrentKey(findings: Finding[], vault: Vault, keys: KeySource, tenantId: string): Promise<Finding[]> {
  if (!findings.some(({ thumbnail }) => thumbnail)) return findings;
  const opened = await openAll(vault, tenantId, await keys(tenantId));
  if (!opened) return findings;
  return findings.map(({ thumbnail, ...finding }) => ({
    ...finding,
    thumbnail: thumbnail && {
      ...thumbnail,
      sealed: resealSmall(opened, thumbnailPurpose(finding.contentId), thumbnail.sealed) ?? thumbnail.sealed,
    },
  }));
}

/** A tenant's keys, opened, in the order given; undefined when there are none. */
async function openAll(vault: Vault, tenantId: string, wrapped: WrappedTenantKey[]): Promise<[SealingKeys, ...SealingKeys[]] | undefined> {
  const open = ({ keyId, masterKeyId, wrapped }: WrappedTenantKey) =>
    openTenantKey(vault.keys, tenantId, { keyId, masterKeyId, wrapped: Buffer.from(wrapped, "base64") });
  const [first, ...others] = await Promise.all(wrapped.map(open));
  return first && [first, ...others];
}
