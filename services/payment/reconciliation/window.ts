import { setImmediate as turn } from "node:timers/promises";
import { bulk } from "../../../mixins/database.ts";
import { searchGateway, type TransactionView } from "../gateway/search.ts";
import type { Till } from "../till.ts";
import type { BookAccounts } from "./accounts.ts";
import { closeGone, currencyOf, writeBreak } from "./breaks.ts";
import { collect, collectFew, type Window } from "./collect.ts";
import { compareOne, duplicates, missingAtPayPal, type Found, type Ours } from "./compare.ts";
import { heal } from "./heal.ts";
import { bookedIn, oursOf, unbookedIn, type Unbooked } from "./ours.ts";
import { lagMs } from "./period.ts";
import { within } from "./scope.ts";
import type { SharedReport } from "./shared.ts";

/** PayPal's clock and ours may put a moment on either side of a boundary: so much more of its report is read on both sides. */
const aroundMs = 3_600_000;

export interface Compared {
  transactions: number;
  found: number;
  healed: number;
}

/** A run of which a window is compared. */
export interface WindowRun {
  tenantId: string;
  runId: string;
  accounts: BookAccounts;
  now: Date;
  /** Of the round that the run belongs to. */
  shared?: SharedReport;
  signal?: AbortSignal;
}

/** What is held in memory of an account at once, in pages of 500; more is compared in parts, but none shorter than some hours. */
const mostPages = 20;
const shortestMs = 4 * 3_600_000;

/**
 * Compares one window: asks PayPal, mends what a look can mend, writes down what is left. No transaction is open while PayPal is asked.
 * @returns null when PayPal has more of it than is compared at once: halves of it have to be
 */
export async function compareWindow(till: Till, run: WindowRun, window: Window): Promise<Compared | null> {
  const { tenantId, runId, accounts, signal } = run;
  const reported = await readReports(till, run, window);
  if (!reported) return null;
  const inside = reported.filter(({ at }) => at >= window.from && at < window.to);

  const before = await differences(till, tenantId, window, accounts, reported, inside);
  const looked = await heal(till, tenantId, before, signal);
  const after = looked > 0 ? await differences(till, tenantId, window, accounts, reported, inside) : before;
  const left = new Set(after.map(keyOf));
  const mended = before.filter((one) => !left.has(keyOf(one)));

  await till.db.tenant(tenantId, async (em) => {
    for (const one of after) await writeBreak(em, tenantId, runId, one, false);
    for (const one of mended) await writeBreak(em, tenantId, runId, one, true);
    await closeGone(em, tenantId, runId, window);
    await bulk(
      em,
      `update payment.reconciliation_runs set transactions = transactions + $3, found = found + $4, healed = healed + $5 where tenant_id = $1 and id = $2`,
      [tenantId, runId, inside.length, before.length, mended.length],
    );
  });
  return { transactions: inside.length, found: before.length, healed: mended.length };
}

/** What all accounts report of the organisation's money in a window and around it; null when it is too much for one. */
async function readReports(
  till: Till,
  { tenantId, accounts, now, shared: round, signal }: WindowRun,
  window: Window,
): Promise<TransactionView[] | null> {
  const around = {
    from: new Date(window.from.getTime() - aroundMs),
    to: new Date(Math.max(window.to.getTime(), Math.min(window.to.getTime() + aroundMs, now.getTime() - lagMs))),
  };
  const isShort = window.to.getTime() - window.from.getTime() <= shortestMs;
  const found: TransactionView[] = [];
  for (const { paypal, shared } of accounts.read) {
    const gateway = searchGateway(paypal.connection);
    const read = () => (isShort ? collect(gateway, around, window.to, signal) : collectFew(gateway, around, window.to, mostPages, signal));
    const all = await (shared && round ? round.of(paypal.connection, around, read) : read());
    if (!all) return null;
    found.push(...(shared ? await within(till.db, tenantId, all) : all));
  }
  return found;
}

const keyOf = (found: Found) => [found.kind, found.objectId, found.code, currencyOf(found)].join();

/** Everything in which payments, ledger and PayPal differ. */
async function differences(
  till: Till,
  tenantId: string,
  window: Window,
  { closed }: BookAccounts,
  reported: readonly TransactionView[],
  inside: readonly TransactionView[],
): Promise<Found[]> {
  return await till.db.tenant(tenantId, async (em) => {
    const ours = await oursOf(em, tenantId, reported);
    const ids = new Set(reported.map(({ id }) => id));
    // A window may have ten thousand: others have their turn in between.
    await turn();
    const compared = once(inside).flatMap((transaction) => compareOne(transaction, ours) ?? []);
    await turn();
    const twice = duplicates(inside);
    await turn();
    return [
      ...compared,
      ...twice.map((found) => ({ ...found, ...ownerOf(found, ours) })),
      ...missingAtPayPal(await bookedIn(em, tenantId, window, closed), ids),
      ...(await unbookedIn(em, tenantId, window)).filter(({ paypalId }) => !ids.has(paypalId)).map(unbooked),
    ];
  });
}

/** Each transaction once, also one that PayPal reports twice. */
const once = (transactions: readonly TransactionView[]): TransactionView[] => [
  ...new Map(
    transactions.map((transaction) => [[transaction.id, transaction.code, transaction.amount?.currency].join(), transaction]),
  ).values(),
];

const ownerOf = ({ look }: Found, { named }: Ours) => (look?.told && named.get(look.told)) ?? {};

function unbooked({ thing, paypalId, paymentId, subscriptionId, invoiceId, status, at, amountMinor, currency }: Unbooked): Found {
  return {
    ...({ kind: "missing_in_ledger", objectId: paypalId, code: null, at, paymentId, subscriptionId, invoiceId, paypal: null } as const),
    ours: { amount: { amountMinor, currency }, fee: null, status },
    ...{ evidence: null, explanation: null, look: { thing, id: paypalId, told: null } },
  };
}
