import { errors } from "../../config/errors.ts";
import { row, rows, type Database } from "../../mixins/database.ts";
import { resolveCapture } from "./authorizations/resolve.ts";
import { watchAuthorization } from "./authorizations/watch.ts";
import { resolveRefund } from "./refunds/resolve.ts";
import { settle } from "./settle.ts";
import type { Till } from "./till.ts";

/** Something that PayPal was asked and that nobody knows the outcome of. */
export interface Unanswered {
  attemptId: string;
  paymentId: string;
  /** What it is about: the payment itself, or a refund, capture or authorization of it. */
  kind: "payment" | "refund" | "capture" | "authorization";
  id: string;
  operation: string;
  /** PayPal-Request-Id under which it was asked, and until when PayPal remembers it. */
  requestId: string;
  requestIdUntil: string;
  /** How often it was asked, and how often it was looked for since. */
  sends: number;
  looks: number;
  /** Why there is no answer; null while it is being waited for. */
  reason: string | null;
  debugId: string | null;
  since: string;
  /** When it is looked at again; null when it was given up. */
  nextLookAt: string | null;
  givenUpAt: string | null;
}

/** What is still open of an attempt: where the thing itself has ended by a look, the lost answer matters no more. */
const open = `
  select a.id as "attemptId", a.payment_id as "paymentId", a.object_id as id, a.operation, a.request_id as "requestId", a.key_expires_at as until, a.sends,
         a.issue as reason, a.debug_id as "debugId", a.created_at as since, of.kind, of.checks as looks, of.next_check_at as next, of.given_up_at as given
  from payment.payment_attempts a join (
    select 'payment' as kind, id, tenant_id, checks, next_check_at, given_up_at, status = 'created' as creating, status = 'approved' as taking, false as asked
    from payment.payments where status in ('created', 'approved') or given_up_at is not null
    union all select 'refund', id, tenant_id, checks, next_check_at, given_up_at, false, false, true from payment.refunds
    where status = 'requested' or given_up_at is not null
    union all select 'capture', id, tenant_id, checks, next_check_at, given_up_at, false, false, true from payment.captures
    where status = 'requested' or given_up_at is not null
    union all select 'authorization', id, tenant_id, checks, next_check_at, given_up_at, false, false, true from payment.authorizations
    where status in ('created', 'partially_captured') or given_up_at is not null
  ) of on of.id = a.object_id and of.tenant_id = a.tenant_id
  where a.tenant_id = ? and (
    of.given_up_at is not null and a.id = (select id from payment.payment_attempts l where l.object_id = a.object_id order by created_at desc, number desc limit 1)
    or a.outcome in ('sent', 'unknown') and
    (of.asked or of.creating and a.operation = 'create' or of.taking and a.operation in ('capture', 'authorize')))`;

type Found = Omit<Unanswered, "requestIdUntil" | "since" | "nextLookAt" | "givenUpAt"> &
  Record<"until" | "since", Date | string> &
  Record<"next" | "given", Date | string | null>;

const iso = (at: Date | string) => new Date(at).toISOString();
const shown = ({ until, since, next, given, ...of }: Found): Unanswered => ({
  ...of,
  requestIdUntil: iso(until),
  since: iso(since),
  nextLookAt: next && iso(next),
  givenUpAt: given && iso(given),
});

/** What the organisation has asked PayPal about payments without an answer, and what was given up: oldest first, at most 200. */
export const listUnanswered = async (db: Database, tenantId: string): Promise<Unanswered[]> =>
  (await db.tenant(tenantId, (em) => rows<Found>(em, `${open} order by a.created_at, a.id limit 200`, [tenantId]))).map(shown);

/**
 * Looks now, also for what was given up, and asks again under the same request id where PayPal has nothing.
 * @returns how it stands then; null when it is known
 * @throws NOT_FOUND when there is no such attempt, or its outcome is known
 */
export async function lookNow(till: Till, tenantId: string, attemptId: string): Promise<Unanswered | null> {
  const find = () => till.db.tenant(tenantId, (em) => row<Found>(em, `${open} and a.id = ?`, [tenantId, attemptId]));
  const found = await find();
  if (!found) throw errors.notFound("Nothing of that id is unanswered.", { id: attemptId });
  const { kind, id } = found;
  if (kind === "payment") await settle(till, id, { waitMs: 2_000 });
  else if (kind === "refund") await resolveRefund(till, id);
  else if (kind === "capture") await resolveCapture(till, id);
  else await watchAuthorization(till, id);
  const now = await find();
  return now ? shown(now) : null;
}
