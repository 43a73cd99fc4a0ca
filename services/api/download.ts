import { pipeline } from "node:stream/promises";
import type { ServiceBroker } from "moleculer";
import { errors } from "../../config/errors.ts";
import { coveredTo, readTicket } from "../../mixins/vault/ticket.ts";
import { isUnchanged, quoted, rangeCounts } from "./conditions.ts";
import type { EdgeRequest, EdgeResponse } from "./exchange.ts";
import type { Gateway } from "./gateway.ts";
import { ticketOf } from "./peers.ts";
import { rangeOf } from "./range.ts";

export interface Wish {
  id: string;
  version?: number;
}

/**
 * Streams an asset's content from the vault. Bytes never travel over the broker: the catalogue gives a ticket, the edge reads by it.
 * The first part is decrypted and verified before the status line leaves, so damage gives a problem; damage further on cuts the connection,
 * and the stated length tells the client that something is missing.
 * @throws ASSET_NOT_FOUND, RANGE_NOT_SATISFIABLE, VAULT_…
 */
export async function download({ vault }: Gateway, broker: ServiceBroker, req: EdgeRequest, res: EdgeResponse, wish: Wish): Promise<void> {
  const asset = await ticketOf(broker, req.claim!, wish.id, wish.version);
  const etag = quoted(asset.contentId);
  const modified = asset.modifiedAt === null ? undefined : new Date(asset.modifiedAt);
  res.setHeader("ETag", etag);
  res.setHeader("Cache-Control", "private, no-cache");
  res.setHeader("Accept-Ranges", "bytes");
  if (modified) res.setHeader("Last-Modified", modified.toUTCString());
  if (isUnchanged(req.headers, etag, modified)) {
    res.statusCode = 304;
    return void res.end();
  }

  // A Range counts for GET alone.
  const wanted = req.method === "GET" && rangeCounts(req.headers["if-range"]?.toString(), etag, modified) ? req.headers.range : undefined;
  const asked = rangeOf(wanted, asset.size);
  if (asked === "unsatisfiable") {
    res.setHeader("Content-Range", `bytes */${asset.size}`);
    throw errors.rangeNotSatisfiable(`The content has ${asset.size} bytes; ${wanted} lies outside.`, { size: asset.size });
  }
  const range = asked === "whole" ? { start: 0, end: asset.size } : asked;
  const more = async (from: number) => (await ticketOf(broker, req.claim!, wish.id, asset.version, from)).ticket;
  const first = range.start === 0 || coveredTo(asset.ticket) > range.start ? asset.ticket : await more(range.start);
  const content = req.method === "HEAD" ? undefined : await readTicket(first, vault!, range, more);

  res.statusCode = asked === "whole" ? 200 : 206;
  if (asked !== "whole") res.setHeader("Content-Range", `bytes ${range.start}-${range.end - 1}/${asset.size}`);
  res.setHeader("Content-Type", asset.mediaType ?? "application/octet-stream");
  res.setHeader("Content-Length", range.end - range.start);
  res.setHeader("Content-Disposition", disposition(asset.name));
  if (!content) return void res.end();
  if (req.gone) return void content.destroy();
  // Ends the reading when the client leaves, which is no failure, and the connection when the reading fails.
  await pipeline(content, res).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ERR_STREAM_PREMATURE_CLOSE") throw error;
  });
}

/** RFC 6266: always an attachment, for the content is the tenant's and must not run on our origin. ASCII for old clients, UTF-8 for the rest. */
export function disposition(name: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what must not get into a header
  const safe = name.replace(/[\u0000-\u001f\u007f]/g, "_").toWellFormed();
  const ascii = safe
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .replace(/[^\x20-\x7e]|["\\%]/g, "_");
  const encoded = encodeURIComponent(safe).replace(/['()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
  return `attachment; filename="${ascii}"; filename*=UTF-8''${encoded}`;
}
