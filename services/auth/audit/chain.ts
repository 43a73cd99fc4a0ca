import type { Act } from "../../../config/acts.ts";
import { errors } from "../../../config/errors.ts";
import { bulk, row, type Database, type Em } from "../../../mixins/database.ts";
import type { AuditKeys } from "./keys.ts";
import { beginning, commitment, hashOf, originOf, toMicroseconds, type AuditRecord } from "./record.ts";

/** An act, and the service whose table keeps it until it stands here. */
export interface Arrived {
  service: string;
  act: Act;
}

/** What the inbox calls the log: an act that comes twice finds its row there. */
const consumer = "audit";
/** For so long an append waits for another one of the same tenant. */
const patience = "2s";

/**
 * Appends a tenant's acts to its chain, in one transaction that holds the chain's row and no other tenant's. Acts that are there already are left out.
 * @returns how many were appended
 */
export async function append(db: Database, keys: AuditKeys, tenantId: string, arrived: readonly Arrived[]): Promise<number> {
  return await db.tenant(tenantId, async (em) => {
    await em.execute(`set local lock_timeout = '${patience}'`);
    const head = await lockHead(em, tenantId);
    const fresh = await takeFresh(em, tenantId, arrived);
    if (!fresh.length) return 0;
    const key = keys.chainOf(tenantId);
    // A clock that was set back must not put a record before the one that it follows.
    const recordedAt = new Date(Math.max(Date.now(), head.recordedAt ?? 0)).toISOString();
    let previous = head.hash;
    const rows = fresh.map(({ act, service }, i) => {
      const origin = originOf(act);
      const record = recordOf(act, service, head.position + 1 + i, recordedAt, origin && commitment(origin));
      const hash = hashOf(key, previous, record);
      const row = { ...record, origin, originHash: record.origin, previous: previous.toString("hex"), hash: hash.toString("hex") };
      previous = hash;
      return row;
    });
    await bulk(em, insert, [JSON.stringify(rows)]);
    await em.execute(
      `update auth.audit_chains set position = ?, hash = ?, recorded_at = ? where tenant_id = ?`,
      [head.position + rows.length, previous, recordedAt, tenantId],
      "run",
    );
    return rows.length;
  });
}

interface Head {
  position: number;
  hash: Buffer;
  /** Milliseconds since 1970. */
  recordedAt: number | null;
}

/** The end of the chain, held until the transaction ends; a tenant's first act makes it. */
async function lockHead(em: Em, tenantId: string): Promise<Head> {
  const head = await row<Head>(
    em,
    `insert into auth.audit_chains as c (tenant_id, hash) values (?, ?) on conflict (tenant_id) do update set position = c.position
     returning position::float8 as position, hash, (extract(epoch from recorded_at) * 1000)::float8 as "recordedAt"`,
    [tenantId, beginning],
  );
  if (!head) throw errors.internal("The chain has no end.");
  return head;
}

/** Those of the acts that the log does not have yet, each once. */
async function takeFresh(em: Em, tenantId: string, arrived: readonly Arrived[]): Promise<Arrived[]> {
  const taken = await bulk<{ event_id: string }>(
    em,
    `insert into auth.inbox (consumer, event_id, tenant_id) select $1, value::uuid, $2::uuid from json_array_elements_text($3::json)
     on conflict do nothing returning event_id`,
    [consumer, tenantId, JSON.stringify(arrived.map(({ act }) => act.id))],
  );
  const fresh = new Set(taken.map(({ event_id }) => event_id));
  return arrived.filter(({ act }) => fresh.delete(act.id));
}

function recordOf(act: Act, service: string, position: number, recordedAt: string, origin: string | null): AuditRecord {
  const { address: _address, userAgent: _userAgent, at, ...facts } = act;
  return { ...facts, at: toMicroseconds(at), position, recordedAt: toMicroseconds(recordedAt), service, origin };
}

const insert = `
  insert into auth.audit (recorded_at, tenant_id, position, id, at, actor, user_id, action, object, outcome, code, call, request_id, node, service,
    details, origin_hash, origin, previous, hash)
  select r."recordedAt", r."tenantId", r.position, r.id, r.at, r.actor, r."userId", r.action, r.object, r.outcome, r.code, r.call, r."requestId", r.node,
    r.service, r.details, decode(r."originHash", 'hex'), r.origin, decode(r.previous, 'hex'), decode(r.hash, 'hex')
  from json_to_recordset($1::json) as r("recordedAt" timestamptz, "tenantId" uuid, position bigint, id uuid, at timestamptz, actor text, "userId" uuid,
    action text, object text, outcome text, code text, call text, "requestId" text, node text, service text, details jsonb, "originHash" text,
    origin jsonb, previous text, hash text)`;
