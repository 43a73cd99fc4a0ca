import { randomUUID } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { TestDatabase } from "../../test/database.ts";
import type { ScaleCluster } from "./cluster.ts";
import { sharesIn, type Shares, type Turn } from "./shares.ts";

export interface Crowd {
  tenants: number;
  jobsEach: number;
  /** Files of a job; of every tenth tenant's jobs `large`. */
  files: number;
  large: number;
  /** After the last was queued it is left alone for so long, and then watched for so long, milliseconds. */
  settleMs: number;
  watchMs: number;
  windowMs: number;
}

export interface Fairness {
  shares: Shares;
  turns: number;
  /** From accepted to completed, seconds, of small urgent jobs made meanwhile: by tenants that have a queue of their own, and by new ones. */
  urgent: number[];
  completed: number;
}

/** Writes down when an actor changes hands; made by the suite, beside the service's own tables. */
const log = `
  create table sync.hands (key text not null, tenant_id uuid not null, owner text, at timestamptz not null default clock_timestamp());
  create function sync.log_hands() returns trigger language plpgsql security definer as $$
  begin
    if new.epoch <> old.epoch or new.owner is distinct from old.owner then
      insert into sync.hands (key, tenant_id, owner) values (new.key, new.tenant_id, new.owner);
    end if;
    return null;
  end $$;
  create trigger log_hands after update on sync.actors for each row execute function sync.log_hands()`;

/** Fills the queue with many jobs of many tenants and watches who gets the slots. */
export async function fairness(cluster: ScaleCluster, world: TestDatabase, crowd: Crowd): Promise<Fairness> {
  await world.admin.query(log);
  const tenants = Array.from({ length: crowd.tenants }, () => randomUUID());
  const fill = async (tenant: string, i: number) => {
    const jobs = Array.from({ length: crowd.jobsEach }, () => cluster.folder(i % 10 ? crowd.files : crowd.large, 2048));
    await cluster.ask(tenant, "sync.jobs.createMany", { jobs });
  };
  for (const [i, tenant] of tenants.entries()) await fill(tenant, i);
  await sleep(crowd.settleMs);
  const from = Date.now();
  const urgent: number[] = [];
  const urgently = async (tenant: string) => {
    const { id } = await cluster.ask(tenant, "sync.jobs.create", { ...cluster.folder(20, 2048), priority: "urgent" });
    for (const limit = Date.now() + 60_000; Date.now() < limit; await sleep(50)) {
      const { rows } = await world.admin.query<{ seconds: number | null }>(
        `select extract(epoch from completed_at - created_at)::float8 as seconds from sync.sync_jobs where id = $1`,
        [id],
      );
      if (rows[0]?.seconds) return void urgent.push(rows[0].seconds);
    }
    urgent.push(Infinity);
  };
  for (let i = 0; Date.now() - from < crowd.watchMs; i++) {
    await urgently(i % 2 ? tenants[i % tenants.length]! : randomUUID());
    await sleep(Math.max(0, Math.min(crowd.watchMs / 8, from + crowd.watchMs - Date.now())));
  }
  const to = Date.now();
  const [turns, busy] = [await turnsOf(world, to), await stillWaiting(world)];
  const { rows } = await world.admin.query<{ n: number }>(`select count(*)::int as n from sync.sync_jobs where status = 'completed'`);
  return {
    shares: sharesIn(
      turns,
      tenants.filter((tenant) => busy.has(tenant)),
      from,
      to,
      crowd.windowMs,
    ),
    turns: turns.length,
    urgent,
    completed: rows[0]!.n,
  };
}

/** Tenants that have work left: only of them it is sure that they wanted a slot all the time. */
async function stillWaiting(world: TestDatabase): Promise<Set<string>> {
  const { rows } = await world.admin.query<{ tenant_id: string }>(
    `select distinct tenant_id from sync.sync_jobs where completed_at is null`,
  );
  return new Set(rows.map((row) => row.tenant_id));
}

async function turnsOf(world: TestDatabase, to: number): Promise<Turn[]> {
  const { rows } = await world.admin.query<{ tenant: string; owner: string | null; from: Date; to: Date | null }>(
    `select tenant_id as tenant, owner, at as from, lead(at) over (partition by key order by at) as to from sync.hands`,
  );
  return rows
    .filter(({ owner }) => owner !== null)
    .map((turn) => ({ tenant: turn.tenant, from: turn.from.getTime(), to: turn.to?.getTime() ?? to }));
}
