import type { AuditRecord, Origin, StoredRecord } from "./record.ts";

const time = (column: string) => `to_char(${column} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;

/** SQL of a row's record: exactly what its hash is made of. */
const record = `json_build_object('tenantId', tenant_id, 'position', position, 'recordedAt', ${time("recorded_at")}, 'id', id, 'at', ${time("at")},
  'actor', actor, 'userId', user_id, 'action', action, 'object', object, 'outcome', outcome, 'code', code, 'call', call, 'requestId', request_id,
  'node', node, 'service', service, 'details', details, 'origin', encode(origin_hash, 'hex'))`;

/** SQL of a row of the log as text, JSON on one line, as archives hold it: with all that is verified, and without the origin. */
export const storedLine = `json_build_object('record', ${record}, 'previous', encode(previous, 'hex'), 'hash', encode(hash, 'hex'))::text`;

export function storedFrom(line: string, origin: Origin | null): StoredRecord {
  const { record, previous, hash } = JSON.parse(line) as { record: AuditRecord; previous: string; hash: string };
  return { record, origin, previous: Buffer.from(previous, "hex"), hash: Buffer.from(hash, "hex") };
}
