import type { Page } from "../../../config/action.ts";
import { errors, type Fault } from "../../../config/errors.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import type { ListedKind } from "./facts.ts";
import { keyOf, payerFaults, personal, plainOf } from "./payer.ts";

export interface NewEntry {
  list: "block" | "allow";
  kind: ListedKind;
  value: string;
  note: string;
  /** ISO 8601; for ever when left out. */
  expiresAt?: string;
}

/** An entry as people see it. Of what tells of a person only a part is known. */
export interface ShownEntry extends Omit<NewEntry, "expiresAt"> {
  id: string;
  createdBy: string;
  createdAt: string;
  expiresAt: string | null;
}

const columns = `id, list, kind, shown as value, note, created_by as "createdBy", ${isoTime("created_at")} as "createdAt", ${isoTime("expires_at")} as "expiresAt"`;

const forms: Partial<Record<ListedKind, { form: RegExp; detail: string }>> = {
  email: { form: /^[^\s@]+@[^\s@]+\.[^\s@]+$/, detail: "must be an e-mail address" },
  domain: { form: /^[a-z0-9-]+(\.[a-z0-9-]+)+$/i, detail: "must be a domain such as example.com" },
  country: { form: /^[A-Z]{2}$/, detail: "must be an ISO 3166-1 alpha-2 code" },
  user: { form: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, detail: "must be a user's id" },
};

function entryFaults({ kind, value, expiresAt }: NewEntry): Fault[] {
  const wanted = forms[kind];
  const faults = wanted && !wanted.form.test(value) ? [{ pointer: "/value", detail: wanted.detail }] : [];
  if (kind === "ip" || kind === "card") faults.push(...payerFaults({ [kind]: value }).map(({ detail }) => ({ pointer: "/value", detail })));
  if (expiresAt !== undefined && Date.parse(expiresAt) <= Date.now())
    faults.push({ pointer: "/expiresAt", detail: "must be in the future" });
  return faults;
}

/** Enough to recognise it by for who knows it. */
function shownOf(kind: ListedKind, value: string): string {
  const plain = plainOf(kind, value);
  if (!personal.includes(kind)) return plain;
  if (kind === "email") return `${plain.slice(0, 1)}***${plain.slice(plain.lastIndexOf("@"))}`;
  if (kind === "ip") return plain.replace(/[0-9a-f]+(::)?\/\d+$/, "***");
  return `***${plain.length > 8 ? plain.slice(-4) : ""}`;
}

/** Puts a value on a list; one that stands there already gets the new note and end. @throws VALIDATION_FAILED */
export async function addEntry(em: Em, secret: string, tenantId: string, by: string, entry: NewEntry): Promise<ShownEntry> {
  const faults = entryFaults(entry);
  if (faults.length) throw errors.invalid(faults);
  const { list, kind, value, note, expiresAt = null } = entry;
  const added = await row<ShownEntry>(
    em,
    `insert into payment.fraud_list_entries (tenant_id, list, kind, value, shown, note, created_by, expires_at) values (?, ?, ?, ?, ?, ?, ?, ?::timestamptz)
     on conflict (tenant_id, list, kind, value) do update set note = excluded.note, created_by = excluded.created_by, expires_at = excluded.expires_at
     returning ${columns}`,
    [tenantId, list, kind, keyOf(secret, tenantId, kind, value), shownOf(kind, value), note, by, expiresAt],
  );
  return added!;
}

/** @throws FRAUD_ENTRY_NOT_FOUND */
export async function removeEntry(em: Em, tenantId: string, id: string): Promise<void> {
  const removed = await row(em, `delete from payment.fraud_list_entries where tenant_id = ? and id = ? returning id`, [tenantId, id]);
  if (!removed) throw errors.fraudEntryNotFound("There is no such entry on the lists.", { id });
}

/** A page of the organisation's lists, newest first. */
export async function listEntries(
  em: Em,
  secret: string,
  tenantId: string,
  { limit = 50, cursor, list }: { limit?: number; cursor?: string; list?: "block" | "allow" },
): Promise<Page<ShownEntry>> {
  const scope = ["fraud entries", tenantId, list ?? null];
  const from = decodeCursor(secret, scope, cursor);
  const found = await rows<ShownEntry & { key: string }>(
    em,
    `select ${columns}, created_at::text as key from payment.fraud_list_entries where tenant_id = ? ${list ? "and list = ?" : ""}
     ${from ? "and (created_at, id) < (?::timestamptz, ?::uuid)" : ""} order by created_at desc, id desc limit ${limit + 1}`,
    [tenantId, ...(list ? [list] : []), ...(from?.after ?? [])],
  );
  const cursorOf = ({ key, id }: { key: string; id: string }) => encodeCursor(secret, scope, { after: [key, id] });
  return pageOf(found, limit, from !== undefined, ({ key: _, ...shown }) => shown, cursorOf);
}
