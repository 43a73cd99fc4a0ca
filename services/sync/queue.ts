import type { Held, Queue } from "../../mixins/actor.ts";
import { row, rows, type Em } from "../../mixins/database.ts";
import {
  agingSeconds,
  inOrder,
  leaving,
  longestTurnMs,
  shortestTurnMs,
  turnMs,
  type Contender,
  type Contest,
  type Waiting,
} from "./fairness.ts";
import { jobKind } from "./creating.ts";

/** Jobs that may run at the same time in the whole cluster. */
export interface JobLimits {
  /** Of one tenant; tenant_limits.jobs wins. */
  tenant: number;
  /** Of one host; 0 for any number. */
  host: number;
}

/** A node that froze while it chose would keep all others from choosing: PostgreSQL ends its transaction after this, milliseconds. */
const frozenMs = 1_000;
/** Not more than this is charged at once: what a node that was frozen did with its slot is not known. */
const mostChargedMs = 5_000;

/**
 * The queue of jobs: fairness.ts says in which order they deserve a slot, PostgreSQL knows who waits and runs. A tenant's use of slots is
 * counted in virtual time, as in start-time fair queueing: seconds by weight, from the level of the least served to a long turn above it.
 */
export function jobQueue(limits: JobLimits): Queue {
  /** Until when the jobs that this node holds have been charged. */
  const charged = new Map<string, number>();

  const charge = (em: Em, held: readonly Held[]): Promise<Map<string, number>> => {
    const now = Date.now();
    const seconds = new Map<string, number>();
    for (const { key, tenantId, since } of held) {
      const ms = Math.min(mostChargedMs, now - (charged.get(key) ?? since));
      charged.set(key, now);
      seconds.set(tenantId, (seconds.get(tenantId) ?? 0) + ms / 1000);
    }
    return bill(em, seconds);
  };

  return {
    async choose(em) {
      // One node at a time, or two would fill a tenant's last place at once.
      await em.execute(`set local idle_in_transaction_session_timeout = ${frozenMs}`, [], "run");
      await em.execute(`select pg_advisory_xact_lock(hashtext('sync queue'))`);
      const contest = await contestOf(em, limits);
      const order = inOrder(contest);
      await serve(em, contest, order);
      return order.map(({ key }) => key);
    },

    async crowded(em, held) {
      // Even an urgent job waits a moment: with many short jobs nobody needs to be told to leave.
      if (held.every(({ since }) => Date.now() - since < shortestTurnMs)) return new Set();
      const contest = await contestOf(em, limits);
      if (!contest.waiting.length) {
        // Nobody is charged for a slot that nobody else wants.
        for (const { key } of held) charged.set(key, Date.now());
        return new Set();
      }
      for (const [tenant, used] of await charge(em, held)) {
        const share = contest.shares.get(tenant);
        if (share) share.used = Math.max(used, contest.level);
      }
      const leavers = leaving(contest);
      const turn = turnMs(contest);
      const over = ({ key, since }: Held) => leavers.get(key) === "at once" || (leavers.has(key) && Date.now() - since >= turn);
      return new Set(held.filter(over).map(({ key }) => key));
    },

    async left(em, held) {
      await charge(em, [held]);
      charged.delete(held.key);
    },
  };
}

interface Standing extends Contest {
  /** What the tenant that has used least had used when a job was chosen last. */
  level: number;
}

/** Who waits, who runs, and what each tenant concerned may have and has had. One statement: a state that never was would be judged otherwise. */
export async function contestOf(em: Em, limits: JobLimits): Promise<Standing> {
  const found = await row<{
    waiting: Waiting[];
    running: Contender[];
    shares: { tenantId: string; weight: number; limit: number; used: number }[];
    level: number;
  }>(em, contestSql, [jobKind, agingSeconds, limits.tenant]);
  const { waiting = [], running = [], shares = [], level = 0 } = found ?? {};
  const known = shares.map(({ tenantId, used, ...share }) => [tenantId, { ...share, used: Math.max(used, level) }] as const);
  return { waiting, running, shares: new Map(known), hostLimit: limits.host, level };
}

export const contestParams = ({ tenant }: JobLimits) => [jobKind, agingSeconds, tenant];

/**
 * Of each tenant and host only the job that deserves it most is compared with the others': the whole queue may be long. The actors are
 * materialised for their ids' sake: a cast inside the join would keep row-level security from letting the index of jobs be used.
 */
export const contestSql = `
  with actors as materialized (
    select key, key::uuid as id, tenant_id, lease_until, owner is not null and lease_until >= now() as runs
    from sync.actors where kind = ? and pending > 0 and (lease_until is null or lease_until < now() or owner is not null)
  ), ready as (
    select a.key, a.tenant_id, j.host, j.priority,
           (extract(epoch from now() - coalesce(a.lease_until, case when j.started_at is null then j.created_at else (
             select m.created_at from sync.actor_messages m where m.key = a.key and m.done_at is null order by m.id limit 1
           ) end)) * 1000)::float8 as waited
    from actors a join sync.sync_jobs j on j.id = a.id where not a.runs
  ), waiting as (
    select distinct on (tenant_id, host) * from ready
    order by tenant_id, host, least(3, priority + floor(waited / 1000 / ?)) desc, waited desc
  ), running as (
    select a.key, a.tenant_id, j.host, j.priority from actors a join sync.sync_jobs j on j.id = a.id where a.runs
  ), shares as (
    select tenant_id, greatest(1, coalesce(l.weight, 1)) as weight, coalesce(l.jobs, ?) as jobs, coalesce(t.used, 0) as used
    from (select tenant_id from waiting union select tenant_id from running) known
    left join sync.tenant_limits l using (tenant_id) left join sync.turns t using (tenant_id)
  )
  select coalesce((select json_agg(json_build_object('key', key, 'tenantId', tenant_id, 'host', host, 'priority', priority, 'waitedMs', waited)) from waiting), '[]') as waiting,
         coalesce((select json_agg(json_build_object('key', key, 'tenantId', tenant_id, 'host', host, 'priority', priority)) from running), '[]') as running,
         coalesce((select json_agg(json_build_object('tenantId', tenant_id, 'weight', weight, 'limit', jobs, 'used', used)) from shares), '[]') as shares,
         coalesce((select max(level) from sync.turns), 0) as level`;

/**
 * How far above the level of the least served a tenant comes at most, seconds: who had all the slots because nobody else wanted them, or
 * could not leave them, waits for a turn of everybody, and not until all others have had as much. Never less than the longest turn: jobs
 * whose batches take longer than a turn is just now would have more than others, for all of it would not be counted.
 */
const mostAhead = longestTurnMs / 1000;

/** Adds seconds of slots to what tenants have used. @returns what each has used now */
async function bill(em: Em, seconds: Map<string, number>): Promise<Map<string, number>> {
  // In one order everywhere: two nodes may charge the same tenants at the same time.
  const bills = [...seconds].map(([tenant, used]) => ({ tenant, used })).sort((a, b) => (a.tenant < b.tenant ? -1 : 1));
  const used = await rows<{ tenant: string; used: number }>(
    em,
    `insert into sync.turns as t (tenant_id, used)
     select tenant, b.used / greatest(1, coalesce(l.weight, 1))
     from json_to_recordset(?::json) as b(tenant uuid, used float8) left join sync.tenant_limits l on l.tenant_id = b.tenant
     on conflict (tenant_id) do update set used = least(t.used + excluded.used, (select max(level) from sync.turns) + ?)
     returning tenant_id as tenant, used`,
    [JSON.stringify(bills), mostAhead],
  );
  return new Map(used.map(({ tenant, used }) => [tenant, used]));
}

/** Raises the first in the queue to the level of the least served, and remembers that level. */
async function serve(em: Em, { shares, level }: Standing, order: readonly Waiting[]): Promise<void> {
  const [first] = order;
  if (!first) return;
  const used = (job: Waiting) => shares.get(job.tenantId)?.used ?? level;
  await em.execute(
    `insert into sync.turns as t (tenant_id, used, level) values (?, ?, ?)
     on conflict (tenant_id) do update set used = greatest(t.used, excluded.used), level = greatest(t.level, excluded.level)`,
    [first.tenantId, used(first), Math.min(...order.map(used))],
    "run",
  );
}
