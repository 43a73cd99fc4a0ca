import { platform } from "../../../config/permissions.ts";
import { epoch, row, rows, type Em } from "../../../mixins/database.ts";
import type { Till } from "../till.ts";
import type { Window } from "./collect.ts";
import { lagMs, lastComplete } from "./period.ts";
import { runComparison, takeBooks } from "./runs.ts";
import { SharedReport } from "./shared.ts";

const hour = 3_600_000;
const day = 24 * hour;
/** Days that are compared once more by the next run: what was late or pending has come by then. */
const againMs = 3 * day;
/** PayPal lists no more than three years. */
const oldestMs = 3 * 365 * day;

/** Distinct organisations of a table by its index, one step each, however many rows they have. */
const tenantsOf = (table: string) => `
  (with recursive t as (
     (select tenant_id from payment.${table} order by tenant_id limit 1)
     union all select (select x.tenant_id from payment.${table} x where x.tenant_id > t.tenant_id order by x.tenant_id limit 1) from t where t.tenant_id is not null
   ) select tenant_id from t where tenant_id is not null)`;

/** Gives everybody who has payments or entries, and the platform, a day in the schedule. */
const enrol = (em: Em) =>
  em.execute(
    `insert into payment.reconciliations (tenant_id)
     select tenant_id from ${tenantsOf("payments")} p union select tenant_id from ${tenantsOf("ledger_entries")} e union select ?::uuid
     on conflict do nothing`,
    [platform],
    "run",
  );

/** When the next run is due: once PayPal's report of the day is complete, and an hour for moments about midnight; spread over another. */
export function nextRun(tenantId: string, now: Date): Date {
  const spread = (Number.parseInt(tenantId.slice(-6), 16) % 3_600) * 1_000;
  const ready = lagMs + hour + spread;
  return new Date((Math.floor((now.getTime() - ready) / day) + 1) * day + ready);
}

/** After a failure: a quarter of an hour, then ever longer, at most six hours. */
const retryMs = (failures: number) => Math.min(2 ** failures * 15 * 60_000, 6 * hour);

/**
 * Compares the books that are due, one organisation after the other.
 * @returns how many
 * @throws the first failure, after all were tried
 */
export async function sweepBooks(till: Till, now: Date, limit: number, signal?: AbortSignal): Promise<number> {
  await till.db.system(enrol);
  const due = await till.db.system((em) =>
    rows<{ tenantId: string }>(
      em,
      `select tenant_id as "tenantId" from payment.reconciliations
       where next_run_at <= ? and (claimed_until is null or claimed_until < now()) order by next_run_at limit ?`,
      [now.toISOString(), limit],
    ),
  );
  const failures: unknown[] = [];
  const shared = new SharedReport();
  for (const { tenantId } of due) {
    if (signal?.aborted) break;
    // One organisation's trouble, credentials that are gone for instance, does not hold up the others' books.
    await compareDue(till, tenantId, now, shared, signal).catch((error: unknown) => failures.push(error));
  }
  if (failures.length) throw failures[0];
  return due.length;
}

async function compareDue(till: Till, tenantId: string, now: Date, shared: SharedReport, signal?: AbortSignal): Promise<void> {
  const inTenant = <T>(work: (em: Em) => Promise<T>) => till.db.tenant(tenantId, work);
  const taken = await inTenant(async (em) => {
    const claim = await takeBooks(em, tenantId);
    return claim ? { claim, period: await periodDue(em, tenantId, now) } : null;
  });
  if (!taken) return;
  const later = (sql: string, values: unknown[]) =>
    inTenant((em) =>
      em.execute(
        // A claim that lapsed meanwhile may be another's by now, whose work goes on.
        `update payment.reconciliations set claim = null, claimed_until = null, ${sql} where tenant_id = ? and (claim is null or claim = ?)`,
        [...values, tenantId, taken.claim],
        "run",
      ),
    );
  try {
    if (taken.period.from < taken.period.to)
      await runComparison(till, {
        tenantId,
        ...taken,
        ...{ by: "service:payment", now, shared },
        ...(signal && { signal }),
        compared: async (em, until) => {
          await em.execute(
            `update payment.reconciliations set compared_until = greatest(compared_until, ?::timestamptz) where tenant_id = ?`,
            [until.toISOString(), tenantId],
            "run",
          );
        },
      });
    await later(`failures = 0, next_run_at = ?`, [nextRun(tenantId, now).toISOString()]);
  } catch (error) {
    const failures = (await inTenant((em) =>
      row<{ failures: number }>(em, `select failures from payment.reconciliations where tenant_id = ?`, [tenantId]),
    ))!;
    await later(`failures = failures + 1, next_run_at = ?`, [new Date(now.getTime() + retryMs(failures.failures)).toISOString()]);
    throw error;
  }
}

/** From some days before what was compared last, or from the first payment, to the last day of which PayPal's report is complete. */
async function periodDue(em: Em, tenantId: string, now: Date): Promise<Window> {
  const known = await row<{ compared: number | null; first: number | null }>(
    em,
    `select ${epoch("compared_until")} as compared,
       ${epoch(`least((select min(at) from payment.ledger_entries where tenant_id = r.tenant_id), (select min(created_at) from payment.payments where tenant_id = r.tenant_id))`)} as first
     from payment.reconciliations r where tenant_id = ?`,
    [tenantId],
  );
  const to = lastComplete(now);
  const begin = known?.compared != null ? known.compared - againMs : (known?.first ?? to.getTime() - day);
  const from = Math.max(Math.floor(begin / day) * day, to.getTime() - oldestMs);
  return { from: new Date(from), to };
}
