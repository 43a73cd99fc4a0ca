import { Cron } from "croner";
import { messageOf, type Fault } from "../../config/errors.ts";

/** When something is to happen again and again: cron with five fields, or six with seconds first, on the clocks of a time zone. */
export interface Times {
  cron: string;
  /** IANA name. */
  timeZone: string;
}

/**
 * Clocks that are put forward skip no run, clocks that are put back make no second one: a run at a fixed hour comes once a day. What runs
 * by steps ("every half hour") follows the time that really passes.
 */
const rules = { mode: "5-or-6-parts", fixedTimeRule: "no-wildcard", paused: true } as const;

const parsed = ({ cron, timeZone }: Times) => new Cron(cron, { ...rules, timezone: timeZone });

/** @returns every fault, none when the times can be worked with */
export function faultsOfTimes({ cron, timeZone }: Times): Fault[] {
  const zoned = isZone(timeZone);
  const faults: Fault[] = [];
  if (!zoned) faults.push({ pointer: "/timeZone", detail: `must be an IANA time zone such as Europe/Berlin; "${timeZone}" is none` });
  const fields = cron.trim().split(/\s+/).length;
  if (fields !== 5 && fields !== 6) {
    faults.push({ pointer: "/cron", detail: `must have five fields, or six with seconds; it has ${fields}` });
    return faults;
  }
  try {
    const [next] = nextTimes({ cron, timeZone: zoned ? timeZone : "UTC" }, new Date(), 1);
    if (!next) faults.push({ pointer: "/cron", detail: "never comes: there is no such date" });
  } catch (error) {
    faults.push({ pointer: "/cron", detail: `is no cron expression: ${messageOf(error).replace(/^CronPattern: /, "")}` });
  }
  return faults;
}

/** The next times after a moment, at most `count`. */
export const nextTimes = (times: Times, after: Date, count: number): Date[] => parsed(times).nextRuns(count, after);

/** Offsets are no time zones: they know nothing of summer time. */
function isZone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && Boolean(new Intl.DateTimeFormat("en", { timeZone: name }));
  } catch {
    return false;
  }
}
