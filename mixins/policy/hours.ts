import type { Rule } from "../../config/rules.ts";

const formats = new Map<string, Intl.DateTimeFormat>();
const days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/** Day (1 is Monday) and minute of the day in a time zone. @throws RangeError for a zone that is not known */
export function localTime(timeZone: string, now: Date): { day: number; minute: number } {
  let format = formats.get(timeZone);
  if (!format) {
    format = new Intl.DateTimeFormat("en-US", { timeZone, weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
    formats.set(timeZone, format);
  }
  const part = Object.fromEntries(format.formatToParts(now).map(({ type, value }) => [type, value]));
  return { day: days.indexOf(part["weekday"]!) + 1, minute: Number(part["hour"]) * 60 + Number(part["minute"]) };
}

export function isTimeZone(name: string): boolean {
  try {
    localTime(name, new Date());
    return true;
  } catch {
    return false;
  }
}

const minutes = (clock: string) => Number(clock.slice(0, 2)) * 60 + Number(clock.slice(3));

/** Whether it is one of the hours. Hours over midnight belong to the day on which they begin. */
export function isOpen({ days: open, from, to, timeZone }: NonNullable<Rule["hours"]>, now: Date): boolean {
  const { day, minute } = localTime(timeZone, now);
  const [begin, end] = [minutes(from), minutes(to)];
  if (begin < end) return open.includes(day) && minute >= begin && minute < end;
  const yesterday = day === 1 ? 7 : day - 1;
  return (open.includes(day) && minute >= begin) || (open.includes(yesterday) && minute < end);
}
