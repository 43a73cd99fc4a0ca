import { row, type Em } from "../../mixins/database.ts";

/** What an organisation may have of the cluster, and what it has now. */
export interface Allowance {
  /** Jobs that may run at the same time. */
  jobs: number;
  /** Its share beside the others' weights. */
  weight: number;
  running: number;
  waiting: number;
  /** Of the job that has waited longest; null when none waits. */
  longestWaitSeconds: number | null;
}

/** @param usual jobs at the same time of an organisation without a limit of its own */
export async function allowanceOf(em: Em, tenantId: string, usual: number): Promise<Allowance> {
  const found = await row<Allowance>(
    em,
    `select coalesce((select jobs from sync.tenant_limits where tenant_id = ?), ?) as jobs,
            greatest(1, coalesce((select weight from sync.tenant_limits where tenant_id = ?), 1)) as weight,
            count(*) filter (where runs)::int as running, count(*) filter (where not runs)::int as waiting,
            max(round(extract(epoch from now() - since))) filter (where not runs)::int as "longestWaitSeconds"
     from (
       select owner is not null and lease_until >= now() as runs, coalesce(lease_until, (
         select m.created_at from sync.actor_messages m where m.key = a.key and m.done_at is null order by m.id limit 1
       )) as since from sync.actors a where tenant_id = ? and kind = 'job' and pending > 0
     ) jobs`,
    [tenantId, usual, tenantId, tenantId],
  );
  return found!;
}

/** What an operator allows an organisation; null for what every other has, undefined for what it has already. */
export interface Limits {
  jobs?: number | null | undefined;
  weight?: number | null | undefined;
}

/** Counts from the next job that is chosen; what runs is not stopped. */
export async function limitTenant(em: Em, tenantId: string, limits: Limits): Promise<void> {
  const { jobs, weight } = limits;
  await em.execute(
    `insert into sync.tenant_limits as l (tenant_id, jobs, weight) values (?, ?, ?)
     on conflict (tenant_id) do update set jobs = case when ? then excluded.jobs else l.jobs end,
       weight = case when ? then excluded.weight else l.weight end, updated_at = now()`,
    [tenantId, jobs ?? null, weight ?? null, jobs !== undefined, weight !== undefined],
    "run",
  );
}
