import type { IntervalUnit } from "../plans/terms.ts";

const day = 86_400_000;

/** The moment `count` units after another, in UTC; the end of a shorter month stands in for days that it lacks. */
export function after(from: Date, unit: IntervalUnit, count: number): Date {
  if (unit === "day" || unit === "week") return new Date(from.getTime() + count * (unit === "week" ? 7 : 1) * day);
  const months = count * (unit === "year" ? 12 : 1);
  const to = new Date(from);
  to.setUTCDate(1);
  to.setUTCMonth(to.getUTCMonth() + months);
  const last = new Date(Date.UTC(to.getUTCFullYear(), to.getUTCMonth() + 1, 0)).getUTCDate();
  to.setUTCDate(Math.min(from.getUTCDate(), last));
  return to;
}
