import { errors } from "../../../config/errors.ts";
import { PaypalAccount, type PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import type { Accounts } from "../accounts/accounts.ts";
import { takeDue } from "../accounts/due.ts";
import type { PayPalConnection } from "../gateway/connection.ts";
import type { Till } from "../till.ts";
import { envelopeOf } from "./envelope.ts";
import { keepEvent } from "./keep.ts";

/** What is read at once: events of a page, and pages. */
interface Share {
  size: number;
  pages: number;
}
const whole: Share = { size: 100, pages: 200 };
/** Events appear in the list some time after they were made. */
const overlapMs = 15 * 60_000;
/** By so much one part reaches into the one before: whether PayPal counts a moment itself to what is after it, it does not say. */
const edgeMs = 1_000;
/** What was read is written down after so much of the list. */
const windowMs = 6 * 3_600_000;
/** No further part of one account's list is begun after so long: the rest is for the next round. */
const roundMs = 60_000;

export interface Backfilled {
  /** In PayPal's list. */
  listed: number;
  /** Those that had not arrived. */
  missed: number;
  /** Before it nothing was read, as there are too many for once: the rest is had with it as the end. Null when all were read. */
  unread: string | null;
}

interface PageOfEvents {
  events: Record<string, unknown>[];
  next: string | null;
}

/**
 * Reads PayPal's own list of an account's events between two moments, newest first, and keeps those that never arrived.
 * @throws PAYMENT_GATEWAY_UNAVAILABLE when PayPal does not list them all; what was kept stays kept
 */
export async function backfill(
  till: Till,
  accounts: Accounts,
  account: PaypalAccountRow,
  from: Date,
  to: Date,
  { size, pages }: Share = whole,
): Promise<Backfilled> {
  const { connection } = await accounts.reach(account);
  const done: Backfilled = { listed: 0, missed: 0, unread: null };
  let end = to.toISOString();
  let oldest = end;
  let path: string | null = listPath(from, end, size);
  for (let page = 0; path !== null; page++) {
    // Others of the same moment may be left: they are before the next one.
    const rest = new Date(Date.parse(oldest) + 1);
    if (page >= pages && rest < to) return { ...done, unread: rest.toISOString() };
    const { events, next }: PageOfEvents = await listed(connection, path);
    for (const event of events) {
      const envelope = envelopeOf(event);
      if (!envelope) continue;
      done.listed++;
      // PayPal told it to us by itself, asked over TLS with our token: that proves it as a signature would.
      if (await keepEvent(till.db, account, envelope, { body: Buffer.from(JSON.stringify(event)), headers: null, provedBy: "list" }))
        done.missed++;
    }
    const last = new Date(String(events.at(-1)?.["create_time"]));
    if (!Number.isNaN(last.getTime())) oldest = last.toISOString();
    if (next !== null) path = next;
    else if (events.length === size && oldest < end) path = listPath(from, (end = oldest), size);
    else path = null;
  }
  return done;
}

const listPath = (from: Date, end: string, size: number) =>
  `/v1/notifications/webhooks-events?${new URLSearchParams({ start_time: from.toISOString(), end_time: end, page_size: String(size) }).toString()}`;

async function listed(connection: PayPalConnection, path: string): Promise<PageOfEvents> {
  const answer = await connection.send({ method: "GET", path }, readPage);
  if (answer.outcome === "ok") return answer.value;
  const reason = answer.outcome === "refused" ? answer.issue : answer.reason;
  throw errors.gatewayUnavailable(`PayPal does not list its events: ${reason}`);
}

function readPage(body: unknown): PageOfEvents | null {
  const { events = [], links = [] } = (body ?? {}) as { events?: unknown; links?: unknown };
  if (!Array.isArray(events) || !Array.isArray(links)) return null;
  const href = (links as { rel?: unknown; href?: unknown }[]).find(({ rel }) => rel === "next")?.href;
  // Only the path: where it is asked stays our own decision.
  const next = typeof href === "string" && URL.canParse(href) ? new URL(href) : null;
  return { events: events as Record<string, unknown>[], next: next && next.pathname + next.search };
}

/** The account whose list is to be read: the organisation's, or the platform's for who has none. @throws PAYPAL_ACCOUNT_NOT_FOUND */
export async function accountOf({ db }: Till, tenantId: string, id: string | undefined): Promise<PaypalAccountRow> {
  const account = await db.tenant(tenantId, (em) => em.findOne(PaypalAccount, { tenantId, ...(id ? { id } : { retiredAt: null }) }));
  if (!account) throw errors.paypalAccountNotFound("There is no such PayPal account.", { ...(id && { id }) });
  return account;
}

/** Looks for accounts, those first that wait longest, whether something never arrived. @throws the first failure, after all were looked at */
export async function backfillAll(till: Till, accounts: Accounts, signal: AbortSignal, now = new Date()): Promise<void> {
  const due = await takeDue(till.db, "list");
  const done = await Promise.allSettled(due.map((account) => backfillOne(till, accounts, account, now, signal)));
  const failed = done.find(({ status }) => status === "rejected");
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

/** Reads from where the last round has ended, the oldest part first: up to there all was read, whatever happens to the rest. */
async function backfillOne(till: Till, accounts: Accounts, account: PaypalAccountRow, now: Date, signal: AbortSignal): Promise<void> {
  const write = (change: Partial<PaypalAccountRow>) => till.db.system((em) => em.nativeUpdate(PaypalAccount, { id: account.id }, change));
  const until = Date.now() + roundMs;
  let from = new Date((account.listedUntil ?? account.createdAt).getTime() - overlapMs);
  while (from < now) {
    const to = new Date(Math.min(from.getTime() + windowMs, now.getTime()));
    for (let end: Date | null = to; end !== null;) {
      if (signal.aborted) return;
      const { unread }: Backfilled = await backfill(till, accounts, account, new Date(from.getTime() - edgeMs), end);
      end = unread === null ? null : new Date(unread);
    }
    await write({ listedUntil: (from = to) });
    if (Date.now() > until && from < now) return void (await write({ nextLookAt: now }));
  }
}
