import { messageOf } from "../../config/errors.ts";
import { row, rows, type Database, type Em } from "../../mixins/database.ts";
import type { Log } from "../../mixins/relay.ts";
import { begin, firstAfter, isAtWork, type Plan } from "./schedules.ts";
import { priorities } from "../../config/states.ts";

/** Between two looks at the latest, milliseconds. */
const lookMs = 1_000;
/** Schedules that one look takes. */
const handful = 100;
/** A run that is this late was missed: no node was there. */
const missedMs = 60_000;

/** The time now: PostgreSQL's, since the nodes' clocks differ. */
const databaseTime = async (database: Database): Promise<Date> => {
  const found = await database.system((em) => row<{ now: Date | string }>(em, `select clock_timestamp() as now`));
  return new Date(found!.now);
};

/**
 * Starts the runs of schedules that are due. Every node of the service does it: the row of a schedule that is being started is locked, and
 * the run and the schedule's next time commit together, so each run is started once.
 */
export class Scheduler {
  private readonly database: Database;
  private readonly log: Log;
  private timer: NodeJS.Timeout | undefined;
  private looking: Promise<void> | undefined;
  private stopped = false;

  constructor(database: Database, log: Log) {
    this.database = database;
    this.log = log;
  }

  /** Looks for what is due, from now on. */
  start(): void {
    this.looking = this.look();
  }

  async stop(): Promise<void> {
    this.stopped = true;
    clearTimeout(this.timer);
    await this.looking;
  }

  private async look(): Promise<void> {
    let pauseMs = lookMs;
    try {
      const now = await databaseTime(this.database);
      const next = await startDue(this.database, this.log, now, () => this.stopped);
      pauseMs = Math.min(lookMs, Math.max(0, next - now.getTime()));
    } catch (error) {
      this.log.warn(`schedules could not be looked at, trying again: ${messageOf(error)}`);
    }
    if (!this.stopped) this.timer = setTimeout(() => this.start(), pauseMs);
  }
}

/**
 * Starts what is due at this time.
 * @returns when the next run is due, milliseconds since 1970; Infinity when none is
 */
export async function startDue(database: Database, log: Log, now: Date, isOver = () => false): Promise<number> {
  const due = await database.system((em) =>
    rows<{ id: string; tenant_id: string }>(
      em,
      `select id, tenant_id from sync.schedules where enabled and next_at <= ?::timestamptz order by next_at limit ${handful}`,
      [now.toISOString()],
    ),
  );
  for (const { id, tenant_id: tenantId } of due) {
    if (isOver()) break;
    await database
      .tenant(tenantId, (em) => startOne(em, id, now))
      .catch(async (error: unknown) => {
        log.error(`schedule ${id} could not start its run: ${messageOf(error)}`);
        await database.tenant(tenantId, (em) => putOff(em, id, now));
      });
  }
  const next = await database.system((em) =>
    row<{ at: number | null }>(em, `select (extract(epoch from min(next_at)) * 1000)::float8 as at from sync.schedules where enabled`),
  );
  return next?.at ?? Infinity;
}

interface Due extends Plan {
  id: string;
  tenantId: string;
  userId: string | null;
  nextAt: Date | string;
  lastJobId: string | null;
}

const dueById = (em: Em, id: string, now: Date) =>
  row<Due>(
    em,
    `select id, tenant_id as "tenantId", user_id as "userId", source_id as "sourceId", name, cron, time_zone as "timeZone", catch_up as "catchUp",
            mode, (array['${priorities.join("','")}'])[priority + 1] as priority, options, enabled, next_at as "nextAt", last_job_id as "lastJobId"
     from sync.schedules where id = ? and enabled and next_at <= ?::timestamptz for update skip locked`,
    [id, now.toISOString()],
  );

/** Nothing when another node has started it, or is about to. */
async function startOne(em: Em, id: string, now: Date): Promise<void> {
  const due = await dueById(em, id, now);
  if (!due) return;
  const missed = now.getTime() - new Date(due.nextAt).getTime() > missedMs;
  if (missed && due.catchUp === "skip") return await goOn(em, due, now, 0);
  if (await isAtWork(em, due.lastJobId)) return await goOn(em, due, now, 1);
  await begin(em, due, now);
  await goOn(em, due, now, 0);
}

/** What can't be started now is not tried each second. */
async function putOff(em: Em, id: string, now: Date): Promise<void> {
  const due = await dueById(em, id, now);
  if (due) await goOn(em, due, now, 1);
}

/** However many runs were missed, the next one lies ahead. */
const goOn = async (em: Em, due: Due, now: Date, skipped: 0 | 1): Promise<void> =>
  void (await em.execute(
    `update sync.schedules set next_at = ?::timestamptz, skipped = skipped + ? where id = ?`,
    [firstAfter(due, now), skipped, due.id],
    "run",
  ));
