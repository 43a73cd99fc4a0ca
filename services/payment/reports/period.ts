import { errors, type Fault } from "../../../config/errors.ts";

export interface Period {
  /** First and last day, yyyy-mm-dd. */
  from: string;
  to: string;
  timeZone: string;
}

const day = 86_400_000;
const longestDays = 1_100;

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat("en-US", { timeZone: name });
    // Offsets such as +02:00 mean the opposite to PostgreSQL.
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}

/** Why a time zone is none, if it is none. */
export const zoneFaults = (timeZone: string): Fault[] =>
  isTimeZone(timeZone) ? [] : [{ pointer: "/timeZone", detail: `must be an IANA name such as Europe/Berlin; "${timeZone}" came` }];

/** The day that it is somewhere, yyyy-mm-dd. */
const dayIn = (timeZone: string, moment: Date) =>
  new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" }).format(moment);

/**
 * The days that a report is about: the last thirty when nothing is said.
 * @throws VALIDATION_FAILED naming every fault
 */
export function periodOf({ from, to, timeZone = "UTC" }: Partial<Period>, now: Date): Period {
  const faults = zoneFaults(timeZone);
  const last = to ?? dayIn(faults.length ? "UTC" : timeZone, now);
  const first = from ?? new Date(Date.parse(last) - 29 * day).toISOString().slice(0, 10);
  const days = (Date.parse(last) - Date.parse(first)) / day + 1;
  if (days < 1) faults.push({ pointer: "/to", detail: `must not be before from, ${first}; ${last} came` });
  if (days > longestDays) faults.push({ pointer: "/from", detail: `must be at most ${longestDays} days before to; ${days} came` });
  if (faults.length) throw errors.invalid(faults);
  return { from: first, to: last, timeZone };
}
