import { setImmediate as turn } from "node:timers/promises";
import { row, rows, type Em } from "../../../mixins/database.ts";
import type { Database } from "../../../mixins/database.ts";
import { decodeCursor, encodeCursor } from "../../../mixins/page.ts";
import { decisions, evaluate, type Decision, type Reason } from "./evaluate.ts";
import type { Facts } from "./facts.ts";
import type { RuleSet } from "./ruleset.ts";

interface Was {
  decision: Decision;
  score: number;
}

/** What rules would have made of past payments. */
export interface Replayed {
  /** All that were looked at so far, of how many, and how they were decided and would be: counts by "was>would", e.g. {"allow>block": 2}. */
  progress: { examined: number; total: number; decisions: Record<string, number> };
  /** Those of this page that would be decided otherwise. */
  changed: { kind: "payment" | "subscription"; objectId: string; at: string; was: Was; would: Was & { reasons: Reason[] } }[];
  /** Where the next page starts; null when all have been looked at. */
  cursor: string | null;
}

interface Past extends Was {
  id: string;
  key: string;
  kind: "payment" | "subscription";
  objectId: string;
  facts: Facts;
}

/** Judged without a pause: rules may be long, and others wait for the event loop. */
const atOnce = 20;
const pairs = decisions.flatMap((was) => decisions.map((would) => `${was}>${would}`));

/**
 * Judges a page of past payments anew by what was known of them then, oldest first, and says what would have been decided otherwise. Nothing is changed. What
 * came of it so far travels in the cursor: the last page has the whole.
 */
export async function replay(
  db: Database,
  secret: string,
  tenantId: string,
  rules: RuleSet,
  { from, to, limit = 500, cursor }: { from: string; to: string; limit?: number; cursor?: string },
): Promise<Replayed> {
  const scope = ["fraud replay", tenantId, rules, from, to];
  const after = decodeCursor(secret, scope, cursor)?.after;
  const [key, id, total, ...before] = after ?? [];
  const { all, page } = await db.tenant(tenantId, async (em) => ({
    all: total === undefined ? await count(em, tenantId, from, to) : Number(total),
    page: await read(em, tenantId, from, to, limit, key === undefined ? undefined : [key, id]),
  }));
  const counts = pairs.map((_, index) => Number(before[index] ?? 0));
  const changed: Replayed["changed"] = [];
  for (const [index, { decision, score, facts, ...past }] of page.entries()) {
    if (index % atOnce === 0) await turn();
    const would = evaluate(facts, rules);
    counts[pairs.indexOf(`${decision}>${would.decision}`)]!++;
    if (would.decision !== decision)
      changed.push({ kind: past.kind, objectId: past.objectId, at: facts.at, was: { decision, score }, would });
  }
  const last = page.length === limit ? page.at(-1) : undefined;
  const examined = counts.reduce((sum, some) => sum + some, 0);
  const met = pairs.map((pair, index) => [pair, counts[index]!] as const).filter(([, some]) => some > 0);
  return {
    progress: { examined, total: Math.max(all, examined), decisions: Object.fromEntries(met) },
    changed,
    cursor: last ? encodeCursor(secret, scope, { after: [last.key, last.id, all, ...counts] }) : null,
  };
}

const within = `tenant_id = ? and created_at >= ?::timestamptz and created_at < ?::timestamptz`;

async function count(em: Em, ...of: [tenantId: string, from: string, to: string]): Promise<number> {
  return (await row<{ n: number }>(em, `select count(*)::int as n from payment.fraud_assessments where ${within}`, of))!.n;
}

const read = (em: Em, tenantId: string, from: string, to: string, limit: number, after: unknown[] | undefined) =>
  rows<Past>(
    em,
    `select id, created_at::text as key, kind, object_id as "objectId", facts, decision, score from payment.fraud_assessments
     where ${within} ${after ? "and (created_at, id) > (?::timestamptz, ?::uuid)" : ""} order by created_at, id limit ${limit}`,
    [tenantId, from, to, ...(after ?? [])],
  );
