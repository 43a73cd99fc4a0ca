import type { Page } from "../../config/action.ts";
import type { Principal } from "../../config/permissions.ts";
import { priorities, type JobStatus, type Priority } from "../../config/states.ts";
import { errors, failureType, type Fault } from "../../config/errors.ts";
import { row, rows, type Em } from "../../mixins/database.ts";
import { decodeCursor, encodeCursor, isoTime, pageOf } from "../../mixins/page.ts";
import { queueStored } from "./creating.ts";
import { checkFilters } from "./filters.ts";
import { isFinal } from "./job.ts";
import type { JobOptions } from "./options.ts";
import { storedById } from "./stored.ts";
import { faultsOfTimes, nextTimes, type Times } from "./times.ts";

/** What a person says of a schedule. */
export interface Plan extends Times {
  name: string;
  sourceId: string;
  /** Of runs that were missed while no node was up: one makes up for all, or none. */
  catchUp: "once" | "skip";
  mode: "incremental" | "full";
  priority: Priority;
  options: JobOptions;
  enabled: boolean;
}

/** A schedule as the API shows it. Times are ISO 8601. */
export interface ScheduleView extends Plan {
  id: string;
  /** The next five runs; none while it is not enabled. */
  next: string[];
  lastAt: string | null;
  lastJobId: string | null;
  /** Runs that did not start, because the one before was still at work or could not be queued. */
  skipped: number;
  createdAt: string;
}

const shown = 5;

const columns = `id, name, source_id as "sourceId", cron, time_zone as "timeZone", catch_up as "catchUp", mode,
  (array['${priorities.join("','")}'])[priority + 1] as priority, options, enabled, ${isoTime("next_at")} as "nextAt",
  ${isoTime("last_at")} as "lastAt", last_job_id as "lastJobId", skipped, ${isoTime("created_at")} as "createdAt"`;

type Row = Omit<ScheduleView, "next"> & { nextAt: string | null };

/** The first of the next runs is the stored one: it is due although it has passed. */
function view({ nextAt, ...schedule }: Row): ScheduleView {
  const later = nextAt === null ? [] : nextTimes(schedule, new Date(nextAt), shown - 1).map((time) => time.toISOString());
  return { ...schedule, next: nextAt === null ? [] : [nextAt, ...later] };
}

async function rowById(em: Em, id: string, lock = ""): Promise<Row> {
  const found = await row<Row>(em, `select ${columns} from sync.schedules where id = ? ${lock}`, [id]);
  if (!found) throw errors.scheduleNotFound("There is no such schedule.", { id });
  return found;
}

/** @throws SCHEDULE_NOT_FOUND, also for another tenant's */
export const scheduleById = async (em: Em, id: string): Promise<ScheduleView> => view(await rowById(em, id));

/** A page of a tenant's schedules, by name. */
export async function listSchedules(
  em: Em,
  secret: string,
  tenantId: string,
  page: { limit: number; cursor?: string | undefined; sourceId?: string | undefined },
): Promise<Page<ScheduleView>> {
  const { sourceId, limit } = page;
  const scope = ["sync.schedules", tenantId, sourceId];
  const cursor = decodeCursor(secret, scope, page.cursor);
  const found = await rows<Row>(
    em,
    `select ${columns} from sync.schedules where tenant_id = ? ${sourceId ? "and source_id = ?" : ""} ${cursor ? "and name > ?" : ""}
     order by name limit ${limit + 1}`,
    [tenantId, ...(sourceId ? [sourceId] : []), ...(cursor?.after ?? [])],
  );
  return pageOf(found, limit, cursor !== undefined, view, (last) => encodeCursor(secret, scope, { after: [last.name] }));
}

/** @throws VALIDATION_FAILED with every fault, CONFLICT when the name is taken */
export async function createSchedule(em: Em, { tenantId, userId }: Principal, plan: Plan, now: Date): Promise<ScheduleView> {
  await check(em, plan);
  const made = await row<{ id: string }>(
    em,
    `insert into sync.schedules (tenant_id, user_id, source_id, name, cron, time_zone, catch_up, mode, priority, options, enabled, next_at)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?::jsonb, ?, ?::timestamptz) on conflict (tenant_id, name) do nothing returning id`,
    [
      tenantId,
      userId,
      plan.sourceId,
      plan.name,
      plan.cron,
      plan.timeZone,
      plan.catchUp,
      plan.mode,
      priorities.indexOf(plan.priority),
      JSON.stringify(plan.options),
      plan.enabled,
      plan.enabled ? firstAfter(plan, now) : null,
    ],
  );
  if (!made) throw nameTaken(plan.name);
  return await scheduleById(em, made.id);
}

/** Changes what is given; other times, and being enabled again, count from now. @throws SCHEDULE_NOT_FOUND, and as `createSchedule` */
export async function changeSchedule(em: Em, tenantId: string, id: string, change: Partial<Plan>, now: Date): Promise<ScheduleView> {
  const { nextAt, ...before } = await rowById(em, id, "for update");
  const plan: Plan = { ...before, ...change };
  await check(em, plan);
  const taken = await row(em, `select 1 from sync.schedules where tenant_id = ? and name = ? and id <> ?`, [tenantId, plan.name, id]);
  if (taken) throw nameTaken(plan.name);
  const same = before.enabled && before.cron === plan.cron && before.timeZone === plan.timeZone;
  await em.execute(
    `update sync.schedules set source_id = ?, name = ?, cron = ?, time_zone = ?, catch_up = ?, mode = ?, priority = ?, options = ?::jsonb,
            enabled = ?, next_at = ?::timestamptz where id = ?`,
    [
      plan.sourceId,
      plan.name,
      plan.cron,
      plan.timeZone,
      plan.catchUp,
      plan.mode,
      priorities.indexOf(plan.priority),
      JSON.stringify(plan.options),
      plan.enabled,
      !plan.enabled ? null : same ? nextAt : firstAfter(plan, now),
      id,
    ],
    "run",
  );
  return await scheduleById(em, id);
}

/** Jobs that it has made stay. @throws SCHEDULE_NOT_FOUND */
export async function removeSchedule(em: Em, id: string): Promise<void> {
  const removed = await rows(em, `delete from sync.schedules where id = ? returning 1`, [id]);
  if (!removed.length) throw errors.scheduleNotFound("There is no such schedule.", { id });
}

/** Starts a run beside the times, also of a schedule that is not enabled. @throws SCHEDULE_NOT_FOUND, JOB_STATE_CONFLICT while its last run goes on */
export async function runSchedule(em: Em, tenantId: string, userId: string | null, id: string, now: Date): Promise<ScheduleView> {
  const schedule = await rowById(em, id, "for update");
  if (await isAtWork(em, schedule.lastJobId))
    throw errors.jobState("The schedule's last run is still going on.", { id, jobId: schedule.lastJobId });
  await begin(em, { ...schedule, tenantId, userId }, now);
  return await scheduleById(em, id);
}

/** Queues the run of a schedule and remembers it. @returns the job's id */
export async function begin(em: Em, schedule: Plan & { id: string; tenantId: string; userId: string | null }, now: Date): Promise<string> {
  const { id, tenantId, userId, sourceId, mode, priority, options } = schedule;
  const jobId = await queueStored(em, { tenantId, userId, sourceId, mode, priority, options, scheduleId: id });
  await em.execute(
    `update sync.schedules set last_at = ?::timestamptz, last_job_id = ? where id = ?`,
    [now.toISOString(), jobId, id],
    "run",
  );
  return jobId;
}

/** Whether a job has not ended; one that is paused or waits for approval has not. */
export async function isAtWork(em: Em, jobId: string | null): Promise<boolean> {
  if (jobId === null) return false;
  const job = await row<{ status: JobStatus }>(em, `select status from sync.sync_jobs where id = ?`, [jobId]);
  return job !== undefined && !isFinal(job.status);
}

/** ISO 8601, or null when there is none. */
export const firstAfter = (times: Times, now: Date): string | null => nextTimes(times, now, 1)[0]?.toISOString() ?? null;

/** Collects the faults of everything: a person mends them at once. */
async function check(em: Em, { sourceId, options, ...times }: Plan): Promise<void> {
  const faults: Fault[] = faultsOfTimes(times);
  try {
    checkFilters(options.filters);
  } catch (error) {
    faults.push(...(error as { data: { faults: Fault[] } }).data.faults);
  }
  // Held until the schedule is there, or the source could be forgotten in between.
  await em.execute(`select 1 from sync.sources where id = ? for share`, [sourceId]);
  try {
    await storedById(em, sourceId);
  } catch (error) {
    if (failureType(error) !== "SOURCE_NOT_FOUND") throw error;
    faults.push({ pointer: "/sourceId", detail: "is no stored source" });
  }
  if (faults.length) throw errors.invalid(faults);
}

const nameTaken = (name: string) => errors.conflict(`A schedule is called "${name}" already.`, { name });
