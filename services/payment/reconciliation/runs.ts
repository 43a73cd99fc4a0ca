import { randomUUID } from "node:crypto";
import { v7 as uuidv7 } from "uuid";
import type { Page } from "../../../config/action.ts";
import { errors, failureType, messageOf } from "../../../config/errors.ts";
import { row, rows, type Database, type Em } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../../mixins/page.ts";
import type { Till } from "../till.ts";
import { accountsOf } from "./accounts.ts";
import { tellBreaks } from "./breaks.ts";
import { halvesOf, windowsOf, type Window } from "./collect.ts";
import type { SharedReport } from "./shared.ts";
import { compareWindow } from "./window.ts";

/** After which whoever runs a comparison is believed dead. Every window renews it. */
const claimMs = 600_000;

/** A run as its organisation sees it. */
export interface ShownRun {
  id: string;
  /** ISO 8601: what happened from then on and before. */
  from: string;
  to: string;
  startedBy: string;
  status: "running" | "completed" | "failed";
  /** PayPal's transactions that were compared, breaks found, and those of them that a look at PayPal mended. */
  transactions: number;
  found: number;
  healed: number;
  failure: { type: string; message: string } | null;
  startedAt: string;
  finishedAt: string | null;
}

const columns = `id, ${isoTime("period_from")} as "from", ${isoTime("period_to")} as "to", started_by as "startedBy", status, transactions, found, healed,
  case when failure_type is not null then jsonb_build_object('type', failure_type, 'message', failure_message) end as failure,
  ${isoTime("started_at")} as "startedAt", ${isoTime("finished_at")} as "finishedAt"`;

/**
 * Takes an organisation's books, so that one at a time compares them.
 * @returns the claim; null when somebody else has it
 */
export async function takeBooks(em: Em, tenantId: string): Promise<string | null> {
  await em.execute(`insert into payment.reconciliations (tenant_id) values (?) on conflict do nothing`, [tenantId], "run");
  const claim = randomUUID();
  const taken = await row(
    em,
    `update payment.reconciliations set claim = ?, claimed_until = now() + ? * interval '1 millisecond'
     where tenant_id = ? and (claimed_until is null or claimed_until < now()) returning 1`,
    [claim, claimMs, tenantId],
  );
  if (!taken) return null;
  // Whoever ran one under a claim that lapsed has died.
  await em.execute(
    `update payment.reconciliation_runs set status = 'failed', failure_type = 'PROCESS_LOST', failure_message = 'The process that ran it has died.', finished_at = now()
     where tenant_id = ? and status = 'running'`,
    [tenantId],
    "run",
  );
  return claim;
}

export interface Run {
  tenantId: string;
  claim: string;
  period: Window;
  by: string;
  now: Date;
  /** Of the round that it belongs to; without one PayPal is asked in any case. */
  shared?: SharedReport;
  signal?: AbortSignal;
  /** Called in the transaction that ends a window. */
  compared?: (em: Em, until: Date) => Promise<void>;
}

/** Compares a period under a claim, window by window, and gives the claim back. @throws what PayPal's report throws, after writing it down */
export async function runComparison(till: Till, { tenantId, claim, period, by, now, shared, signal, compared }: Run): Promise<ShownRun> {
  const id = uuidv7();
  const inTenant = <T>(work: (em: Em) => Promise<T>) => till.db.tenant(tenantId, work);
  const finish = (failure: unknown) =>
    inTenant(async (em) => {
      await em.execute(
        `update payment.reconciliation_runs set status = ?, failure_type = ?, failure_message = ?, finished_at = now() where tenant_id = ? and id = ?`,
        [failure ? "failed" : "completed", failure ? failureType(failure) : null, failure ? messageOf(failure) : null, tenantId, id],
        "run",
      );
      await tellBreaks(em, tenantId, id, period);
      await em.execute(
        `update payment.reconciliations set claim = null, claimed_until = null where tenant_id = ? and claim = ?`,
        [tenantId, claim],
        "run",
      );
    });
  await inTenant((em) =>
    em.execute(
      `insert into payment.reconciliation_runs (id, tenant_id, period_from, period_to, started_by) values (?, ?, ?, ?, ?)`,
      [id, tenantId, period.from.toISOString(), period.to.toISOString(), by],
      "run",
    ),
  );
  try {
    const run = {
      tenantId,
      runId: id,
      accounts: await accountsOf(till, tenantId),
      now,
      ...(shared && { shared }),
      ...(signal && { signal }),
    };
    const windows = windowsOf(period);
    for (let window = windows.shift(); window; window = windows.shift()) {
      signal?.throwIfAborted();
      if (!(await compareWindow(till, run, window))) {
        windows.unshift(...halvesOf(window));
        continue;
      }
      const { to } = window;
      await inTenant(async (em) => {
        await keepBooks(em, tenantId, claim);
        await compared?.(em, to);
      });
    }
  } catch (error) {
    await finish(error);
    throw error;
  }
  await finish(null);
  return (await inTenant((em) =>
    row<ShownRun>(em, `select ${columns} from payment.reconciliation_runs where tenant_id = ? and id = ?`, [tenantId, id]),
  ))!;
}

/** @throws RECONCILIATION_UNDER_WAY when the claim has lapsed and somebody else has taken the books */
async function keepBooks(em: Em, tenantId: string, claim: string): Promise<void> {
  const kept = await row(
    em,
    `update payment.reconciliations set claimed_until = now() + ? * interval '1 millisecond' where tenant_id = ? and claim = ? returning 1`,
    [claimMs, tenantId, claim],
  );
  if (!kept) throw errors.reconciling("Somebody else compares these books by now.");
}

/**
 * A run that somebody asked for.
 * @throws RECONCILIATION_UNDER_WAY
 */
export async function runNow(till: Till, tenantId: string, period: Window, by: string, now: Date): Promise<ShownRun> {
  const claim = await till.db.tenant(tenantId, (em) => takeBooks(em, tenantId));
  if (!claim) throw errors.reconciling("These books are compared right now; ask again when that is done.");
  return await runComparison(till, { tenantId, claim, period, by, now });
}

/** The organisation's runs, latest first. */
export async function listRuns(
  db: Database,
  clusterSecret: string,
  tenantId: string,
  { limit = 50, cursor }: { limit?: number; cursor?: string },
): Promise<Page<ShownRun>> {
  const scope = ["reconciliations", tenantId];
  const after = decodeCursor(clusterSecret, scope, cursor);
  const found = await db.tenant(tenantId, (em) =>
    rows<ShownRun & { moment: string }>(
      em,
      `select ${columns}, started_at::text as moment from payment.reconciliation_runs
       where tenant_id = ? ${after ? "and (started_at, id) < (?::timestamptz, ?::uuid)" : ""} order by started_at desc, id desc limit ?`,
      [tenantId, ...(after?.after ?? []), limit + 1],
    ),
  );
  const show = ({ moment: _moment, ...shown }: ShownRun & { moment: string }): ShownRun => shown;
  return pageOf(found, limit, after !== undefined, show, ({ moment, id }) => encodeCursor(clusterSecret, scope, { after: [moment, id] }));
}
