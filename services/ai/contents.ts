import type { Ticket, Vault } from "../../mixins/vault/ticket.ts";
import { readTicket, readWhole } from "../../mixins/vault/ticket.ts";

/** Larger contents are identified by their head alone. */
export const CONTENT_LIMIT = 64 * 1024 * 1024;
const HEAD = 256 * 1024;

/** The bytes that an analysis gets: all of a content, or the head of one above the limit. @throws VAULT_* */
export async function readContent(ticket: Ticket, vault: Vault, limit = CONTENT_LIMIT): Promise<Uint8Array> {
  if (ticket.length === 0) return new Uint8Array(0);
  if (ticket.length <= limit) return readWhole(ticket, vault, limit);
  const parts: Buffer[] = [];
  for await (const part of (await readTicket(ticket, vault, { start: 0, end: HEAD })) as AsyncIterable<Buffer>) parts.push(part);
  return Buffer.concat(parts);
}
