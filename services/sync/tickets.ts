import { row, rows, type Em } from "../../mixins/database.ts";
import type { Extent, Ticket, WrappedTenantKey } from "../../mixins/vault/ticket.ts";
import { isoTime } from "../../mixins/page.ts";
import { usableKeys } from "./tenantkey.ts";

/** An asset's content, ready to be read from the vault by a node that has the master keys. */
export interface AssetTicket {
  assetId: string;
  name: string;
  mediaType: string | null;
  version: number;
  size: number;
  /** Hexadecimal. */
  contentId: string;
  modifiedAt: string | null;
  ticket: Ticket;
}

/** Extents per ticket: about 250 bytes each, and a message of NATS holds a megabyte. */
const extentsPerTicket = 1000;

type ContentRow = Omit<AssetTicket, "ticket">;

/** Tickets of the current version of assets. Those that do not exist for this tenant, or have nothing in the vault, are left out. */
export async function ticketsOf(em: Em, tenantId: string, assetIds: string[]): Promise<AssetTicket[]> {
  const found = await rows<ContentRow>(
    em,
    `select a.id as "assetId", a.name, a.media_type as "mediaType", a.version, a.size::float8 as size, encode(a.content_id, 'hex') as "contentId",
            ${isoTime("a.modified_at")} as "modifiedAt"
     from sync.assets a where a.tenant_id = ? and a.removed_at is null and a.id in (select value::uuid from json_array_elements_text(?::json))`,
    [tenantId, JSON.stringify(assetIds)],
  );
  const tickets = await contentTickets(
    em,
    tenantId,
    found.map(({ contentId }) => contentId),
  );
  return found.flatMap((asset) => {
    const ticket = tickets.get(asset.contentId);
    return ticket ? [{ ...asset, ticket }] : [];
  });
}

/**
 * The ticket of one version of an asset, the current one when none is named.
 * @param from byte of the content that the ticket has to cover; a content of thousands of parts takes several tickets
 * @returns undefined when there is no such asset or version, or its content is no more
 */
export async function ticketOf(em: Em, tenantId: string, assetId: string, version?: number, from = 0): Promise<AssetTicket | undefined> {
  const found = await row<ContentRow>(
    em,
    `select a.id as "assetId", case when v.path = '' then a.name else regexp_replace(v.path, '^.*/', '') end as name,
            case when v.content_id = a.content_id then a.media_type end as "mediaType",
            v.version, v.size::float8 as size, encode(v.content_id, 'hex') as "contentId", ${isoTime("v.modified_at")} as "modifiedAt"
     from sync.assets a join sync.asset_versions v on v.asset_id = a.id and v.version = coalesce(?::int, a.version)
     where a.tenant_id = ? and a.removed_at is null and a.id = ?`,
    [version ?? null, tenantId, assetId],
  );
  if (!found) return undefined;
  const ticket = (await contentTickets(em, tenantId, [found.contentId], from)).get(found.contentId);
  return ticket && { ...found, ticket };
}

/** Content id (hexadecimal) → ticket, of those that the vault has. */
export async function contentTickets(em: Em, tenantId: string, contentIds: string[], from = 0): Promise<Map<string, Ticket>> {
  const keys = await tenantKeysOf(em, tenantId);
  const found = await rows<Omit<Extent, "wrappedDataKey"> & { contentId: string; begins: number; total: number; wrapped_key: Buffer }>(
    em,
    `select * from (select *, row_number() over (partition by "contentId" order by part) as place from (
       select encode(b.content_id, 'hex') as "contentId", b.part, b.pack_id as "packId", p.chunk_size as "chunkSize", p.plain_size::float8 as "plainSize",
              p.tenant_key_id as "tenantKeyId", p.wrapped_key, b.position::float8 as "offset", b.stored_size::float8 as stored, b.encoding, b.size::float8 as length,
              (sum(b.size) over (partition by b.content_id order by b.part) - b.size)::float8 as begins,
              (sum(b.size) over (partition by b.content_id))::float8 as total
       from sync.blobs b join sync.packs p on p.id = b.pack_id
       where b.tenant_id = ? and b.content_id = any(?::bytea[])
     ) extents where begins + length > ? or total <= ?) wanted where place <= ${extentsPerTicket} order by "contentId", part`,
    [tenantId, `{${contentIds.map((id) => `"\\\\x${id}"`).join(",")}}`, from, from],
  );
  const tickets = new Map<string, Ticket>();
  for (const { contentId, begins, total, wrapped_key, ...place } of found) {
    const ticket = tickets.get(contentId) ?? { tenantId, keys, length: total, from: begins, extents: [] };
    tickets.set(contentId, ticket);
    const { packId, chunkSize, plainSize, tenantKeyId, offset, stored, encoding, length } = place;
    const wrappedDataKey = wrapped_key.toString("base64");
    ticket.extents.push({ packId, chunkSize, plainSize, tenantKeyId, wrappedDataKey, offset, stored, encoding, length });
  }
  return tickets;
}

/** A tenant's keys as tickets carry them, the current one first. @throws VAULT_KEY_UNUSABLE after its vault was shredded */
export async function tenantKeysOf(em: Em, tenantId: string): Promise<WrappedTenantKey[]> {
  const keys = await usableKeys(em, tenantId);
  return keys.map(({ keyId, masterKeyId, wrapped }) => ({ keyId, masterKeyId, wrapped: wrapped.toString("base64") }));
}
