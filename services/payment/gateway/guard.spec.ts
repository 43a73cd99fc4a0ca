import { describe, expect, it } from "@jest/globals";
import { RateGuard } from "./guard.ts";

describe("a rate guard", () => {
  const start = Date.parse("2026-11-27T12:00:00Z");
  const guard = () => {
    let now = start;
    const made = new RateGuard({ perSecond: 1, burst: 3 }, () => now);
    const passes = async () =>
      made.pass().then(
        () => true,
        (error: { type: string }) => error.type,
      );
    return { made, passes, later: (ms: number) => (now += ms) };
  };

  it("lets a burst through, and then so many as time allows", async () => {
    const { passes, later } = guard();
    for (let time = 0; time < 3; time++) expect(await passes()).toBe(true);
    later(10_000);
    for (let time = 0; time < 3; time++) expect(await passes()).toBe(true);
  });

  it("refuses what would have to wait long, and that costs nothing", async () => {
    let now = start;
    const slow = new RateGuard({ perSecond: 0.1, burst: 1 }, () => now);
    await slow.pass();
    for (let time = 0; time < 5; time++)
      await expect(slow.pass()).rejects.toMatchObject({ type: "PAYMENT_GATEWAY_THROTTLED", retryable: true });
    now += 10_000;
    await slow.pass();
  });

  it.each([
    ["30", 30_000],
    ["Fri, 27 Nov 2026 12:00:20 GMT", 20_000],
    ["99999", 120_000],
  ])("keeps silent after a 429 with Retry-After %s", async (header, ms) => {
    const { made, passes, later } = guard();
    made.learn(200, "99");
    expect(await passes()).toBe(true);
    made.learn(429, header);
    later(ms - 5_000);
    expect(await passes()).toBe("PAYMENT_GATEWAY_THROTTLED");
    later(5_000);
    expect(await passes()).toBe(true);
  });
});
