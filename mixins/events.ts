import { createHash } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { DomainEvent, EventMap, EventType } from "../config/events.ts";
import type { SchemaName } from "../config/names.ts";
import { errors } from "../config/errors.ts";
import { prepared, row, type Em } from "./database.ts";

export interface NewEvent<T extends EventType> {
  tenantId: string;
  type: T;
  /** The aggregate, e.g. "job:<uuid>". Whoever appends to the same stream waits until this transaction ends. */
  stream: string;
  data: EventMap[T];
  /** Who caused it: a principal's subject. */
  actor?: string;
}

/**
 * Appends an event and its outbox row in the caller's transaction.
 * @returns the event as it will be published
 */
export async function appendEvent<T extends EventType>(em: Em, schema: SchemaName, event: NewEvent<T>): Promise<DomainEvent<T>> {
  const id = uuidv7();
  const [appended] = await prepared<{ version: number; at: string }>(
    em,
    `with next as (
       insert into ${schema}.streams as s (tenant_id, stream, version) values ($1, $2, 1)
       on conflict (tenant_id, stream) do update set version = s.version + 1 returning tenant_id, stream, version
     ), appended as (
       insert into ${schema}.events (id, tenant_id, stream, version, type, data, actor)
       select $3::uuid, tenant_id, stream, version, $4::text, $5::jsonb, $6::text from next
       returning id, tenant_id, type, stream, version, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') as at, data
     ), ticket as (
       insert into ${schema}.outbox (tenant_id, subject, message_id, payload)
       select tenant_id, 'ev.' || tenant_id || '.' || type, id::text,
              jsonb_build_object('id', id, 'tenantId', tenant_id, 'type', type, 'stream', stream, 'version', version, 'at', at, 'data', data)
       from appended
     )
     select version, at from appended`,
    [event.tenantId, event.stream, id, event.type, JSON.stringify(event.data), event.actor ?? null],
  );
  if (!appended) throw errors.internal("The event was not appended.");
  return {
    id,
    tenantId: event.tenantId,
    type: event.type,
    stream: event.stream,
    version: appended.version,
    at: appended.at,
    data: event.data,
  };
}

/** Writes an outbox row without an event: a bell for an actor. */
export async function ring(em: Em, schema: SchemaName, tenantId: string, subject: string, messageId: string): Promise<void> {
  await em.execute(`insert into ${schema}.outbox (tenant_id, subject, message_id) values (?, ?, ?)`, [tenantId, subject, messageId], "run");
}

/**
 * Does `work` once per (tenant, action, key): a repeat gets the first answer, another request under the same key is refused.
 * A repeat that comes while the first still runs waits for it on the row. Without a key it just works.
 */
export async function once<R>(
  em: Em,
  schema: SchemaName,
  of: { tenantId: string; action: string; key: string | undefined; params: unknown },
  work: () => Promise<R>,
): Promise<R> {
  if (of.key === undefined) return await work();
  const hash = createHash("sha256").update(JSON.stringify(of.params)).digest("hex");
  const fresh = await row(
    em,
    `insert into ${schema}.idempotency_keys (tenant_id, action, key, request_hash) values (?, ?, ?, ?) on conflict do nothing returning key`,
    [of.tenantId, of.action, of.key, hash],
  );
  const where = [of.tenantId, of.action, of.key];
  if (!fresh) {
    const first = await row<{ request_hash: string; response: R }>(
      em,
      `select request_hash, response from ${schema}.idempotency_keys where tenant_id = ? and action = ? and key = ?`,
      where,
    );
    if (first?.request_hash !== hash)
      throw errors.idempotencyMismatch("This Idempotency-Key was used before with another request; use a new key.");
    return first.response;
  }
  const response = await work();
  await em.execute(
    `update ${schema}.idempotency_keys set response = ?::jsonb where tenant_id = ? and action = ? and key = ?`,
    [JSON.stringify(response), ...where],
    "run",
  );
  return response;
}
