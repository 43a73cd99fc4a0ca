import { rows, type Database } from "../../../mixins/database.ts";
import type { Redis } from "../../../mixins/redis.ts";
import { lastSeen } from "./presence.ts";

/** A session as its person sees it. Times are ISO 8601. */
export interface ShownSession {
  id: string;
  /** The one that asks. */
  current: boolean;
  tenantId: string;
  device: string | null;
  userAgent: string | null;
  address: string | null;
  methods: string[];
  createdAt: string;
  lastSeenAt: string;
  expiresAt: string;
}

type Stored = Omit<ShownSession, "current" | "createdAt" | "lastSeenAt" | "expiresAt"> &
  Record<"createdAt" | "lastSeenAt" | "expiresAt", Date>;

/** Sessions of one person that last, newest first: all organisations' together, hence the system's scope. */
export async function listSessions(db: Database, redis: Redis, userId: string, currentId: string): Promise<ShownSession[]> {
  const found = await db.system((em) =>
    rows<Stored>(
      em,
      `select id, tenant_id as "tenantId", device, user_agent as "userAgent", address, to_json(methods) as methods, created_at as "createdAt",
              last_seen_at as "lastSeenAt", expires_at as "expiresAt"
       from auth.sessions where user_id = ? and ended_at is null and expires_at > now() order by id desc limit 200`,
      [userId],
    ),
  );
  const seen = await lastSeen(
    redis,
    found.map(({ id }) => id),
  );
  return found.map((session, i) => ({
    ...session,
    current: session.id === currentId,
    createdAt: new Date(session.createdAt).toISOString(),
    lastSeenAt: new Date(Math.max(new Date(session.lastSeenAt).getTime(), seen[i] ?? 0)).toISOString(),
    expiresAt: new Date(session.expiresAt).toISOString(),
  }));
}
