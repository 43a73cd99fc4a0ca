import { describe, expect, it } from "@jest/globals";
import { nextWait } from "./schedule.ts";

const hours = (ms: number | null) => ms && ms / 3_600_000;

describe("the schedule", () => {
  it("attempts ten times over 75 hours and then gives up", () => {
    const waits = Array.from({ length: 11 }, (_, attempts) => nextWait(attempts, null, () => 0.5));
    expect(waits.slice(0, 4)).toEqual([0, 5_000, 300_000, 1_800_000]);
    expect(waits.slice(4, 10).map(hours)).toEqual([2, 5, 10, 14, 20, 24]);
    expect(waits[10]).toBeNull();
  });

  it("spreads each wait by a fifth", () => {
    expect(nextWait(2, null, () => 0)).toBe(240_000);
    expect(nextWait(2, null, () => 1)).toBe(360_000);
  });

  it("waits longer when the receiver asks for it, a day at most, and never shorter", () => {
    expect(nextWait(1, 60_000)).toBe(60_000);
    expect(nextWait(1, 1)).toBeGreaterThanOrEqual(4_000);
    expect(hours(nextWait(1, Number.MAX_SAFE_INTEGER))).toBe(24);
  });
});
