import { hash } from "node:crypto";
import { FraudAssessment } from "../../../entities/FraudAssessment.ts";
import { row, rows, type Em } from "../../../mixins/database.ts";
import { formatAmount, type Currency } from "../money.ts";
import type { Till } from "../till.ts";
import { evaluate, type Judgement } from "./evaluate.ts";
import { dimensions, type Dimension, type Facts, type ListedKind } from "./facts.ts";
import { domainOf, keyOf, type Payer } from "./payer.ts";
import { reviewHoursOf, type RuleSet } from "./ruleset.ts";
import { standardRules } from "./standard.ts";
import { countInPostgres, countInRedis, velocityOf, type CountedBy } from "./velocity.ts";

/** What is to be judged before anybody is asked for money. */
export interface Subject {
  tenantId: string;
  /** Who asks for it, for the organisation. */
  userId: string | null;
  /** What makes a repeat of the same wish one attempt: the request's Idempotency-Key, or else the id of what it would make. */
  attempt: string;
  amountMinor: bigint;
  currency: Currency;
  payer?: Payer | undefined;
  items?: { lines: number; quantity: number } | null;
}

export interface Versioned extends Judgement {
  /** Of the rules that judged; 0 are the service's own. */
  version: number;
}

export interface Assessment extends Versioned {
  subject: Subject;
  facts: Facts;
  keys: CountedBy;
  /** Hours that a person may take, where the decision is review. */
  reviewHours: number;
  /** How the rules in shadow judge the same facts. */
  shadow: Versioned | null;
}

/**
 * Judges a payment (or a subscription) that is about to be made, and counts the attempt. Nothing is stored: `keepAssessment` does that in the
 * transaction that writes what was judged, so that neither stands without the other. While Redis is away PostgreSQL counts.
 */
export async function assess(till: Till, subject: Subject): Promise<Assessment> {
  const { tenantId, userId, amountMinor, currency, payer = {}, items = null } = subject;
  const keys = keysOf(till.secret, tenantId, userId, payer);
  const attempt = { tenantId, id: hash("sha256", subject.attempt, "base64url").slice(0, 22), amountMinor, currency };
  const inRedis = await countInRedis(till.redis, attempt, keys);
  return await till.db.tenant(tenantId, async (em) => {
    const counted = inRedis ?? (await countInPostgres(em, attempt, keys));
    const facts: Facts = {
      at: new Date(counted.now).toISOString(),
      amount: formatAmount(amountMinor, currency),
      currency,
      payer: {
        domain: payer.email === undefined ? null : domainOf(payer.email),
        country: payer.country ?? null,
        ipCountry: payer.ipCountry ?? null,
        told: dimensions.filter((dimension) => keys[dimension] !== undefined),
        isNew: keys.email === undefined ? null : !(await hasPaid(em, tenantId, keys.email)),
      },
      items,
      velocity: velocityOf(counted.remembered, counted.now, currency),
      counters: inRedis ? "redis" : "postgres",
      listed: await listed(em, till.secret, tenantId, userId, payer),
    };
    const { active, shadow } = await setsInUse(em, tenantId);
    return {
      ...{ subject, facts, keys },
      ...{ version: active.version, reviewHours: reviewHoursOf(active.rules), ...evaluate(facts, active.rules) },
      shadow: shadow && { version: shadow.version, ...evaluate(facts, shadow.rules) },
    };
  });
}

function keysOf(secret: string, tenantId: string, userId: string | null, { email, ip, card }: Payer): CountedBy {
  const keys: CountedBy = {};
  const values: Record<Dimension, string | null | undefined> = { email, ip, card, user: userId };
  for (const dimension of dimensions) {
    const value = values[dimension];
    if (value != null) keys[dimension] = keyOf(secret, tenantId, dimension, value);
  }
  return keys;
}

/** Whether one of the newest payments or subscriptions with this address was paid. */
async function hasPaid(em: Em, tenantId: string, email: string): Promise<boolean> {
  const found = await row(
    em,
    `select 1 from (
       select object_id as id from payment.fraud_assessments where tenant_id = ? and email_key = ? order by created_at desc limit 500
     ) a where exists (select 1 from payment.payments p where p.id = a.id and p.executed_at is not null)
        or exists (select 1 from payment.subscription_payments s where s.subscription_id = a.id and s.status not in ('pending', 'declined')) limit 1`,
    [tenantId, email],
  );
  return found !== undefined;
}

/** What of a payment stands on the organisation's lists. */
async function listed(em: Em, secret: string, tenantId: string, userId: string | null, payer: Payer): Promise<Facts["listed"]> {
  const { email, ip, country, card } = payer;
  const values: Record<ListedKind, string | null | undefined> = {
    email,
    ip,
    country,
    card,
    user: userId,
    domain: email && domainOf(email),
  };
  const asked = Object.entries(values).flatMap(([kind, value]) =>
    value == null ? [] : [{ kind, value: keyOf(secret, tenantId, kind as ListedKind, value) }],
  );
  const found: Facts["listed"] = { block: [], allow: [] };
  if (!asked.length) return found;
  const entries = await rows<{ list: "block" | "allow"; kind: ListedKind }>(
    em,
    `select e.list, e.kind from payment.fraud_list_entries e join jsonb_to_recordset(?::jsonb) as asked(kind text, value text) using (kind, value)
     where e.tenant_id = ? and (e.expires_at is null or e.expires_at > now()) order by e.kind`,
    [JSON.stringify(asked), tenantId],
  );
  for (const { list, kind } of entries) found[list].push(kind);
  return found;
}

interface InUse {
  version: number;
  rules: RuleSet;
}

/** The rules that decide and those in shadow. */
export async function setsInUse(em: Em, tenantId: string): Promise<{ active: InUse; shadow: InUse | null }> {
  const found = await rows<InUse & { state: "active" | "shadow" }>(
    em,
    `select version, state, rules from payment.fraud_rule_sets where tenant_id = ? and state in ('active', 'shadow')`,
    [tenantId],
  );
  return {
    active: found.find(({ state }) => state === "active") ?? { version: 0, rules: standardRules },
    shadow: found.find(({ state }) => state === "shadow") ?? null,
  };
}

/** Stores how something was judged, in the transaction that writes it. A payment's review opens where the decision says so. */
export function keepAssessment(em: Em, assessment: Assessment, { kind, id }: { kind: "payment" | "subscription"; id: string }): void {
  const { subject, facts, keys, version, decision, score, reasons, shadow, reviewHours } = assessment;
  const opens = kind === "payment" && decision === "review";
  em.persist(
    em.create(FraudAssessment, {
      ...{ tenantId: subject.tenantId, kind, objectId: id, ruleSetVersion: version, facts, decision, score, reasons, shadow },
      differs: shadow !== null && shadow.decision !== decision,
      ...{ amountMinor: subject.amountMinor, currency: subject.currency },
      ...{ emailKey: keys.email ?? null, ipKey: keys.ip ?? null, cardKey: keys.card ?? null, userKey: keys.user ?? null },
      reviewState: opens ? "open" : null,
      reviewUntil: opens ? new Date(Date.now() + reviewHours * 3_600_000) : null,
      createdAt: new Date(),
    }),
  );
}
