import { errors, type Fault } from "../../../config/errors.ts";
import type { Window } from "./collect.ts";

const day = 86_400_000;
/** What PayPal's report has not yet: it lists a transaction up to three hours after it happened. */
export const lagMs = 3 * 3_600_000;
/** Of a run on demand. */
const longestDays = 31;

/** The last moment before which everything is in PayPal's report, at the end of a day. */
export const lastComplete = (now: Date): Date => new Date(Math.floor((now.getTime() - lagMs) / day) * day);

/**
 * The days (UTC) of a run on demand: the last one that is complete when nothing is said.
 * @throws VALIDATION_FAILED naming every fault
 */
export function periodOf({ from, to }: { from?: string; to?: string }, now: Date): Window {
  const end = to === undefined ? lastComplete(now) : new Date(Date.parse(to) + day);
  const start = from === undefined ? new Date(end.getTime() - day) : new Date(from);
  const faults: Fault[] = [];
  if (end.getTime() > now.getTime() - lagMs) {
    const ready = new Date(end.getTime() + lagMs).toISOString();
    faults.push({
      pointer: "/to",
      detail: `must be a day that ended three hours ago: PayPal lists transactions that late; ask after ${ready}`,
    });
  }
  if (start >= end) faults.push({ pointer: "/from", detail: "must not be after to" });
  if (end.getTime() - start.getTime() > longestDays * day)
    faults.push({ pointer: "/from", detail: `must be at most ${longestDays} days before to` });
  if (faults.length) throw errors.invalid(faults);
  return { from: start, to: end };
}
