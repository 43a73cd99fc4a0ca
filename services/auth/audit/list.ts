import type { Page } from "../../../config/action.ts";
import type { ActDetails, ActOutcome } from "../../../config/acts.ts";
import { errors } from "../../../config/errors.ts";
import { rows, type Database } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";

/** A record as its organisation sees it. */
export interface ShownRecord {
  id: string;
  /** Its place in the organisation's chain, from 1. */
  position: number;
  /** ISO 8601: when it was done, and when the log had it. */
  at: string;
  recordedAt: string;
  actor: string | null;
  userId: string | null;
  action: string;
  object: string | null;
  outcome: ActOutcome;
  code: string | null;
  service: string;
  requestId: string | null;
  /** As the edge saw them; null when there was none, or when they were erased. */
  address: string | null;
  userAgent: string | null;
  details: ActDetails | null;
  /** Hexadecimal. */
  hash: string;
}

export interface Filter {
  actor?: string;
  action?: string;
  outcome?: ActOutcome;
  from?: string;
  to?: string;
}

/** The organisation's records, newest first. */
export async function listRecords(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor, ...filter }: Filter & { limit?: number; cursor?: string },
): Promise<Page<ShownRecord>> {
  const { actor = null, action = null, outcome = null, from = null, to = null } = filter;
  const scope = ["audit", tenantId, actor, action, outcome, from, to];
  const after = decodeCursor(clusterSecret, scope, cursor);
  const found = await db.tenant(tenantId, (em) =>
    rows<ShownRecord>(
      em,
      // Nothing is recorded before it is done, but for what clocks differ by: the months before need not be looked at.
      `select id, position::float8 as position, ${isoTime("at")} as at, ${isoTime("recorded_at")} as "recordedAt", actor, user_id as "userId", action,
         object, outcome, code, service, request_id as "requestId", origin->>'address' as address, origin->>'userAgent' as "userAgent", details,
         encode(hash, 'hex') as hash
       from auth.audit
       where tenant_id = ? and (?::bigint is null or position < ?::bigint) and (?::text is null or actor = ?) and (?::text is null or action = ?)
         and (?::text is null or outcome = ?) and (?::timestamptz is null or (at >= ?::timestamptz and recorded_at >= ?::timestamptz - interval '1 day'))
         and (?::timestamptz is null or at < ?::timestamptz)
       order by position desc limit ?`,
      [
        tenantId,
        ...Array<unknown>(2).fill(after ? Number(after.after[0]) : null),
        ...[actor, action, outcome].flatMap((value) => [value, value]),
        from,
        from,
        from,
        to,
        to,
        limit + 1,
      ],
    ),
  );
  return pageOf(
    found,
    limit,
    after !== undefined,
    (row) => row,
    (row) => encodeCursor(clusterSecret, scope, { after: [row.position] }),
  );
}

/**
 * Erases a person's addresses and user agents from an organisation's records; the chain stays whole.
 * @returns how many records had any
 * @throws NOT_FOUND when it has no record of the person
 */
export async function eraseOrigins(db: Database, tenantId: string, userId: string): Promise<{ erased: number }> {
  return await db.tenant(tenantId, async (em) => {
    const known = await rows(em, `select 1 from auth.audit where tenant_id = ? and user_id = ? limit 1`, [tenantId, userId]);
    if (!known.length) throw errors.notFound("The audit log of this organisation has no record of that person.", { userId });
    const erased = await rows(
      em,
      `update auth.audit set origin = null where tenant_id = ? and user_id = ? and origin is not null returning 1`,
      [tenantId, userId],
    );
    return { erased: erased.length };
  });
}
