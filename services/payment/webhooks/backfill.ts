import { platform } from "../../../config/contracts.ts";
import { errors } from "../../../config/errors.ts";
import { PaypalAccount, type PaypalAccountRow } from "../../../entities/PaypalAccount.ts";
import { helpful } from "../../../mixins/redis.ts";
import type { Accounts } from "../accounts/accounts.ts";
import type { PayPalConnection } from "../gateway/connection.ts";
import type { Till } from "../till.ts";
import { envelopeOf } from "./envelope.ts";
import { keepEvent } from "./keep.ts";

const pageSize = 100;
/** Of one pass: what is left is for the next. */
const mostPages = 200;
/** Events appear in the list some time after they were made. */
const overlapMs = 15 * 60_000;
/** Between two looks at the list of one account. */
const everyMs = 15 * 60_000;
/** Accounts of one round. */
const atOnce = 20;

export interface Backfilled {
  /** In PayPal's list. */
  listed: number;
  /** Those that had not arrived. */
  missed: number;
}

interface PageOfEvents {
  events: Record<string, unknown>[];
  next: string | null;
}

/**
 * Reads PayPal's own list of an account's events between two moments, newest first, and keeps those that never arrived.
 * @throws PAYMENT_GATEWAY_UNAVAILABLE when PayPal does not list them all; what was kept stays kept
 */
export async function backfill(till: Till, accounts: Accounts, account: PaypalAccountRow, from: Date, to: Date): Promise<Backfilled> {
  const { connection } = await accounts.reach(account);
  const done: Backfilled = { listed: 0, missed: 0 };
  let end = to.toISOString();
  let path: string | null = listPath(from, end);
  for (let page = 0; path !== null && page < mostPages; page++) {
    const { events, next }: PageOfEvents = await listed(connection, path);
    for (const event of events) {
      const envelope = envelopeOf(event);
      if (!envelope) continue;
      done.listed++;
      // PayPal told it to us by itself, asked over TLS with our token: that proves it as a signature would.
      if (await keepEvent(till.db, account, envelope, { body: Buffer.from(JSON.stringify(event)), headers: null, provedBy: "list" }))
        done.missed++;
    }
    const oldest = events.at(-1)?.["create_time"];
    if (next !== null) path = next;
    else if (events.length === pageSize && typeof oldest === "string" && oldest < end) path = listPath(from, (end = oldest));
    else path = null;
  }
  return done;
}

const listPath = (from: Date, end: string) =>
  `/v1/notifications/webhooks-events?${new URLSearchParams({ start_time: from.toISOString(), end_time: end, page_size: String(pageSize) }).toString()}`;

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

/** Looks for accounts, those first that were not looked at for longest, whether something never arrived. @throws the first failure, after all were looked at */
export async function backfillAll(till: Till, accounts: Accounts, signal: AbortSignal, now = new Date()): Promise<void> {
  const due = await till.db.system((em) =>
    em.find(
      PaypalAccount,
      {
        webhookId: { $ne: null },
        $and: [
          { $or: [{ sealedSecret: { $ne: null } }, { id: platform }] },
          { $or: [{ listedUntil: null }, { listedUntil: { $lt: new Date(now.getTime() - everyMs) } }] },
        ],
      },
      { orderBy: { listedUntil: "asc nulls first" }, limit: atOnce },
    ),
  );
  const done = await Promise.allSettled(due.map((account) => backfillOne(till, accounts, account, now, signal)));
  const failed = done.find(({ status }) => status === "rejected");
  if (failed) throw (failed as PromiseRejectedResult).reason;
}

async function backfillOne(till: Till, accounts: Accounts, account: PaypalAccountRow, now: Date, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  // Spares PayPal the other nodes' asking; without Redis they ask, and find the same.
  const mine = await helpful(till.redis.set(`paypal:listing:${account.id}`, "1", "PX", everyMs / 2, "NX"));
  if (mine === null) return;
  const since = account.listedUntil ?? account.createdAt;
  await backfill(till, accounts, account, new Date(since.getTime() - overlapMs), now);
  await till.db.system((em) => em.nativeUpdate(PaypalAccount, { id: account.id }, { listedUntil: now }));
}
