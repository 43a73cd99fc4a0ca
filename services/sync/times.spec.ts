import { describe, expect, it } from "@jest/globals";
import { faultsOfTimes, nextTimes } from "./times.ts";

const next = (cron: string, timeZone: string, after: string, count = 3) =>
  nextTimes({ cron, timeZone }, new Date(after), count).map((time) => time.toISOString());

describe("times of a schedule", () => {
  it("are those of the clocks of its time zone, in summer and in winter", () => {
    expect(next("30 6 * * 1-5", "Europe/Berlin", "2026-03-26T12:00:00Z")).toEqual([
      "2026-03-27T05:30:00.000Z",
      "2026-03-30T04:30:00.000Z",
      "2026-03-31T04:30:00.000Z",
    ]);
  });

  it("come once on the day the clocks are put forward over them, and once on the day they are put back over them", () => {
    // 02:30 does not exist on 29 March 2026 in Berlin, and comes twice on 25 October.
    expect(next("30 2 * * *", "Europe/Berlin", "2026-03-28T00:00:00Z")).toEqual([
      "2026-03-28T01:30:00.000Z",
      "2026-03-29T01:00:00.000Z",
      "2026-03-30T00:30:00.000Z",
    ]);
    expect(next("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z")).toEqual([
      "2026-10-25T00:30:00.000Z",
      "2026-10-26T01:30:00.000Z",
      "2026-10-27T01:30:00.000Z",
    ]);
    expect(next("0 2,3 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", 2)).toEqual([
      "2026-10-25T00:00:00.000Z",
      "2026-10-25T02:00:00.000Z",
    ]);
  });

  it("go on in real time by steps through the hour that comes twice", () => {
    expect(next("*/30 * * * *", "America/New_York", "2026-11-01T05:15:00Z", 4)).toEqual([
      "2026-11-01T05:30:00.000Z",
      "2026-11-01T06:00:00.000Z",
      "2026-11-01T06:30:00.000Z",
      "2026-11-01T07:00:00.000Z",
    ]);
  });

  it("may have seconds", () => {
    expect(next("*/20 * * * * *", "UTC", "2026-01-01T00:00:00Z")).toEqual([
      "2026-01-01T00:00:20.000Z",
      "2026-01-01T00:00:40.000Z",
      "2026-01-01T00:01:00.000Z",
    ]);
  });

  it.each([
    ["61 * * * *", "UTC", ["/cron"]],
    ["* * * *", "UTC", ["/cron"]],
    ["* * * * * * *", "UTC", ["/cron"]],
    ["@daily", "UTC", ["/cron"]],
    ["2027-01-01T00:00:00", "UTC", ["/cron"]],
    ["0 0 31 2 *", "UTC", ["/cron"]],
    ["0 0 * * *", "Mars/Olympus", ["/timeZone"]],
    ["0 0 * * *", "+02:00", ["/timeZone"]],
    ["at noon on some day or", "", ["/timeZone", "/cron"]],
    ["0 0 * * *", "America/Argentina/Buenos_Aires", []],
    ["15 10 L * FRI#2", "UTC", []],
  ])("%j in %j have faults at %j", (cron, timeZone, pointers) => {
    expect(faultsOfTimes({ cron, timeZone }).map(({ pointer }) => pointer)).toEqual(pointers);
  });
});
