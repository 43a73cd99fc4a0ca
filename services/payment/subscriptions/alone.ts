import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { row, type Database } from "../../../mixins/database.ts";
import { claimMs } from "../claim.ts";

type Table = "plans" | "subscriptions";

/** What was done, or that another one was at work all the time: it, or the sweeper after it, will look at what is new. */
export type Alone<T> = { done: true; value: T } | { done: false };

/**
 * Does `work` while nobody else works on the row. No transaction stays open meanwhile, so a claim on the row keeps the others off; `work` writes
 * only while the claim is still its own, so that of two looks at PayPal the older is never written over the newer.
 * @param waitMs how long to wait for another one
 */
export async function alone<T>(
  db: Database,
  table: Table,
  id: string,
  waitMs: number,
  work: (claim: string) => Promise<T>,
): Promise<Alone<T>> {
  const deadline = Date.now() + waitMs;
  for (;;) {
    const claim = await take(db, table, id);
    if (claim) return { done: true, value: await holding(db, table, id, claim, work) };
    if (Date.now() >= deadline && (await leaveWord(db, table, id))) return { done: false };
    await delay(50);
  }
}

async function take(db: Database, table: Table, id: string): Promise<string | null> {
  const claim = randomUUID();
  const taken = await db.system((em) =>
    row(
      em,
      `update payment.${table} set claim = ?, claimed_until = now() + ? * interval '1 millisecond', stale = false
       where id = ? and (claimed_until is null or claimed_until < now()) returning id`,
      [claim, claimMs, id],
    ),
  );
  return taken ? claim : null;
}

/** Tells who works on the row that there is news. @returns false when nobody does any more, so that it can be taken; true also when there is no such row */
async function leaveWord(db: Database, table: Table, id: string): Promise<boolean> {
  const found = await db.system((em) =>
    row<{ busy: boolean }>(
      em,
      `update payment.${table} set stale = true where id = ? returning claimed_until is not null and claimed_until >= now() as busy`,
      [id],
    ),
  );
  return found?.busy ?? true;
}

async function holding<T>(db: Database, table: Table, id: string, claim: string, work: (claim: string) => Promise<T>): Promise<T> {
  let failed = true;
  try {
    const value = await work(claim);
    failed = false;
    return value;
  } finally {
    await release(db, table, id, claim, failed);
  }
}

/** After a failure the row is looked at ever less often, at most every half hour. */
async function release(db: Database, table: Table, id: string, claim: string, failed: boolean): Promise<void> {
  const next = failed
    ? `case when next_check_at is null then null else greatest(next_check_at, now() + least(15 * power(2, least(checks, 10)), 1800) * interval '1 second') end`
    : `case when stale then now() else next_check_at end`;
  await db.system((em) =>
    em.execute(
      `update payment.${table} set claim = null, claimed_until = null, stale = false, next_check_at = ${next}, checks = checks + ?
       where id = ? and claim = ?`,
      [failed ? 1 : 0, id, claim],
      "run",
    ),
  );
}
