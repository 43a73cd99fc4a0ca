import type { BreakKind, BreakState } from "../../../entities/ReconciliationBreak.ts";
import { errors } from "../../../config/errors.ts";
import type { Page } from "../../../config/action.ts";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import { appendEvent } from "../../../mixins/events.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import { formatAmount, type Money } from "../money.ts";
import type { Window } from "./collect.ts";
import type { Found } from "./compare.ts";

/** What one side says, as decimal strings. */
interface Side {
  amount: string | null;
  currency: string | null;
  fee: string | null;
  status: string | null;
}

const sideOf = (side: { amount: Money | null; fee: Money | null; status: string | null } | null): Side | null =>
  side && {
    amount: side.amount && formatAmount(side.amount.amountMinor, side.amount.currency),
    currency: side.amount?.currency ?? null,
    fee: side.fee && formatAmount(side.fee.amountMinor, side.fee.currency),
    status: side.status,
  };

export const currencyOf = ({ paypal, ours }: Found): string => (paypal ?? ours)?.amount?.currency ?? "";

const self = "service:payment";

/**
 * Writes down what a run has found. What was resolved and is found again is open again; what a person has explained stays so.
 * @param state of a new one: "resolved" for what was mended at once
 */
export async function writeBreak(em: Em, tenantId: string, runId: string, found: Found, mended: boolean): Promise<void> {
  const state: BreakState = mended ? "resolved" : found.explanation !== null ? "explained" : "open";
  const note = mended ? "A look at PayPal mended it." : found.explanation;
  const closed = state === "open" ? null : self;
  await em.execute(
    `insert into payment.reconciliation_breaks as b
       (tenant_id, kind, object_id, code, currency, payment_id, subscription_id, invoice_id, at, paypal, ours, evidence, state, note, closed_by, closed_at, run_id)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?::jsonb, ?::jsonb, ?, ?, ?, ?, ?)
     on conflict (tenant_id, kind, object_id, code, currency) do update set last_seen_at = now(), run_id = excluded.run_id, paypal = excluded.paypal, ours = excluded.ours,
       evidence = excluded.evidence, payment_id = coalesce(excluded.payment_id, b.payment_id),
       invoice_id = coalesce(excluded.invoice_id, b.invoice_id), at = excluded.at,
       state = case when b.state = 'explained' and excluded.state <> 'resolved' then b.state else excluded.state end,
       note = case when b.state = 'explained' and excluded.state <> 'resolved' then b.note
                   when b.state = 'resolved' and excluded.state = 'open' then 'It was found again.' else coalesce(excluded.note, b.note) end,
       closed_by = case when b.state = 'explained' and excluded.state <> 'resolved' then b.closed_by else excluded.closed_by end,
       closed_at = case when b.state = 'explained' and excluded.state <> 'resolved' then b.closed_at else excluded.closed_at end`,
    [
      ...[
        tenantId,
        found.kind,
        found.objectId,
        found.code ?? "",
        currencyOf(found),
        found.paymentId,
        found.subscriptionId,
        found.invoiceId,
        found.at.toISOString(),
      ],
      ...[found.paypal && JSON.stringify(sideOf(found.paypal)), found.ours && JSON.stringify(sideOf(found.ours))],
      ...[found.evidence && JSON.stringify(found.evidence), state, note, closed, closed && new Date().toISOString(), runId],
    ],
    "run",
  );
}

/** Closes what was open in a period and was not found by its run any more. @returns how many */
export async function closeGone(em: Em, tenantId: string, runId: string, { from, to }: Window): Promise<number> {
  const closed = await rows(
    em,
    `update payment.reconciliation_breaks set state = 'resolved', note = 'It was not found any more.', closed_by = ?, closed_at = now()
     where tenant_id = ? and state = 'open' and at >= ? and at < ? and run_id <> ? returning 1`,
    [self, tenantId, from.toISOString(), to.toISOString(), runId],
  );
  return closed.length;
}

/** Tells of the breaks that a run has found for the first time and left open, if there are any. */
export async function tellBreaks(em: Em, tenantId: string, runId: string, { from, to }: Window): Promise<void> {
  const counted = await row<{ breaks: number; open: number }>(
    em,
    `select count(*) filter (where b.run_id = r.id and b.first_seen_at >= r.started_at)::int as breaks, count(*)::int as open
     from payment.reconciliation_breaks b join payment.reconciliation_runs r on r.tenant_id = b.tenant_id and r.id = ?
     where b.tenant_id = ? and b.state = 'open'`,
    [runId, tenantId],
  );
  if (!counted?.breaks) return;
  const data = { runId, from: from.toISOString(), to: to.toISOString(), ...counted };
  await appendEvent(em, "payment", { tenantId, type: "payment.breaks.found", stream: `books:${tenantId}`, data, actor: self });
}

/** A break as its organisation sees it. */
export interface ShownBreak {
  id: string;
  kind: BreakKind;
  objectId: string;
  /** PayPal's kind of event, e.g. "T0006"; null for what PayPal lacks. */
  code: string | null;
  paymentId: string | null;
  subscriptionId: string | null;
  invoiceId: string | null;
  /** ISO 8601. */
  at: string;
  paypal: Side | null;
  ours: Side | null;
  /** PayPal's own record. */
  evidence: unknown;
  state: BreakState;
  note: string | null;
  closedBy: string | null;
  closedAt: string | null;
  firstSeenAt: string;
  lastSeenAt: string;
  /** Whole days since it happened, until it was closed. */
  ageDays: number;
}

const columns = `id, kind, object_id as "objectId", nullif(code, '') as code, payment_id as "paymentId", subscription_id as "subscriptionId", invoice_id as "invoiceId",
  ${isoTime("at")} as at, paypal, ours, evidence, state, note, closed_by as "closedBy", ${isoTime("closed_at")} as "closedAt", ${isoTime("first_seen_at")} as "firstSeenAt",
  ${isoTime("last_seen_at")} as "lastSeenAt", floor(extract(epoch from coalesce(closed_at, now()) - at) / 86400)::int as "ageDays"`;

export interface BreakFilter {
  state?: BreakState;
  kind?: BreakKind;
  limit?: number;
  cursor?: string;
}

/** The organisation's breaks, oldest first: those that wait longest come first. */
export async function listBreaks(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { state, kind, limit = 50, cursor }: BreakFilter,
): Promise<Page<ShownBreak>> {
  const scope = ["breaks", tenantId, state ?? null, kind ?? null];
  const after = decodeCursor(clusterSecret, scope, cursor);
  const wishes: [sql: string, ...values: unknown[]][] = [["tenant_id = ?", tenantId]];
  if (state) wishes.push(["state = ?", state]);
  if (kind) wishes.push(["kind = ?", kind]);
  if (after) wishes.push(["(at, id) > (?::timestamptz, ?::uuid)", ...after.after]);
  const found = await db.tenant(tenantId, (em) =>
    rows<ShownBreak & { moment: string }>(
      em,
      `select ${columns}, b.at::text as moment from payment.reconciliation_breaks b
       where ${wishes.map(([sql]) => sql).join(" and ")} order by b.at, id limit ?`,
      [...wishes.flatMap(([, ...values]) => values), limit + 1],
    ),
  );
  const show = ({ moment: _moment, ...shown }: ShownBreak & { moment: string }): ShownBreak => shown;
  return pageOf(found, limit, after !== undefined, show, ({ moment, id }) => encodeCursor(clusterSecret, scope, { after: [moment, id] }));
}

/**
 * Closes a break, or opens it again.
 * @throws BREAK_NOT_FOUND
 */
export async function changeBreak(
  db: Database,
  tenantId: string,
  id: string,
  { state, note, by }: { state: BreakState; note: string; by: string },
): Promise<ShownBreak> {
  return await db.tenant(tenantId, async (em) => {
    const changed = await row<ShownBreak>(
      em,
      `update payment.reconciliation_breaks set state = ?, note = ?, closed_by = ?, closed_at = case when ? = 'open' then null else now() end
       where tenant_id = ? and id = ? returning ${columns}`,
      [state, note, state === "open" ? null : by, state, tenantId, id],
    );
    if (!changed) throw errors.breakNotFound("There is no such break.", { id });
    return changed;
  });
}
