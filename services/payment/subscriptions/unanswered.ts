import { rows, type Database } from "../../../mixins/database.ts";

/** Something that PayPal was asked without an answer that could be read. */
export interface Unanswered {
  /** What it is about, and what was asked. */
  kind: "plan" | "subscription";
  id: string;
  operation: string;
  /** How often it was asked. */
  sends: number;
  /** Why there is no answer; null while it is being waited for. */
  reason: string | null;
  /** ISO 8601. */
  since: string;
  /** When it is looked at again; null: when somebody asks. */
  nextLookAt: string | null;
}

/** What the organisation has asked PayPal about plans and subscriptions, and nobody knows yet whether it happened; oldest first, at most 200. */
export async function listUnanswered(db: Database, tenantId: string): Promise<Unanswered[]> {
  const found = await db.tenant(tenantId, (em) =>
    rows<Omit<Unanswered, "since" | "nextLookAt"> & { since: Date | string; next: Date | string | null }>(
      em,
      `select case when p.id is null then 'subscription' else 'plan' end as kind, a.subject_id as id, a.operation, a.sends, a.issue as reason,
              a.created_at as since, coalesce(p.next_check_at, s.next_check_at) as next
       from payment.subscription_attempts a
       left join payment.plans p on p.id = a.subject_id left join payment.subscriptions s on s.id = a.subject_id
       where a.tenant_id = ? and a.outcome in ('sent', 'unknown') order by a.created_at limit 200`,
      [tenantId],
    ),
  );
  const iso = (at: Date | string) => new Date(at).toISOString();
  return found.map(({ since, next, ...of }) => ({ ...of, since: iso(since), nextLookAt: next === null ? null : iso(next) }));
}
