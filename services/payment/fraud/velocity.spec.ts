import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { openRedis, type Redis } from "../../../mixins/redis.ts";
import type { Currency } from "../money.ts";
import { countInRedis, mostCounted, velocityOf, type CountedBy } from "./velocity.ts";

describe("counters of attempts", () => {
  let redis: Redis;
  beforeAll(async () => {
    redis = openRedis(process.env["REDIS_URL"] ?? "", `test-${randomUUID()}`, { commandTimeout: 30_000 });
    await redis.connect();
  });
  afterAll(() => redis.disconnect());

  interface Made {
    id?: string;
    minor?: bigint;
    currency?: Currency;
  }
  const attempt = (tenantId: string, by: CountedBy, { id = randomUUID(), minor = 100n, currency = "EUR" }: Made = {}) =>
    countInRedis(redis, { tenantId, id, amountMinor: minor, currency }, by);
  /** What the last hour holds of each thing. */
  const hour = async (...of: Parameters<typeof attempt>) => {
    const counted = (await attempt(...of))!;
    return Object.fromEntries(
      Object.entries(velocityOf(counted.remembered, counted.now, of[2]?.currency ?? "EUR")).map(([name, over]) => [name, over[60]]),
    );
  };
  const keysOf = async (tenantId: string) => (await redis.keys(`*${tenantId}*`)).map((key) => key.replace(/^test-[0-9a-f-]{36}:/, ""));

  it("count every one of fifty at once, once, and show each of them a place of its own", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    const by = { email: "e", ip: "i" };
    const made = await Promise.all(
      Array.from({ length: 50 }, (_, index) => [hour(one, by, { minor: BigInt(index) }), hour(other, by, { minor: 1n })]).flat(),
    );
    for (const place of [0, 1]) {
      const seen = made.filter((_, index) => index % 2 === place).map(({ email }) => email!.count);
      expect(seen.sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, index) => index + 1));
    }
    expect(await hour(one, by, { minor: 0n })).toEqual({ email: { count: 51, sumMinor: "1225" }, ip: { count: 51, sumMinor: "1225" } });
    expect((await hour(other, by, { minor: 0n }))["email"]).toEqual({ count: 51, sumMinor: "50" });
  });

  it("count a repeat of the same attempt once, also when twenty come at a time and say another amount", async () => {
    const [one, other, id] = [randomUUID(), randomUUID(), randomUUID()];
    const seen = await Promise.all(Array.from({ length: 20 }, (_, index) => hour(one, { card: "c" }, { id, minor: BigInt(500 + index) })));
    expect(new Set(seen.map(({ card }) => card!.count))).toEqual(new Set([1]));
    expect(new Set(seen.map(({ card }) => card!.sumMinor)).size).toBe(1);
    expect((await hour(other, { card: "c" }, { id }))["card"]!.count).toBe(1);
  });

  it("add up amounts of one currency alone, beyond what a float can tell apart, and count attempts of all", async () => {
    const tenantId = randomUUID();
    for (let times = 0; times < 3; times++) await attempt(tenantId, { email: "e" }, { minor: 99_999_999_999_999_999n });
    await attempt(tenantId, { email: "e" }, { minor: 7n, currency: "JPY" });
    expect(await hour(tenantId, { email: "e" }, { minor: 1n })).toEqual({ email: { count: 5, sumMinor: "299999999999999998" } });
    expect(await hour(tenantId, { email: "e" }, { minor: 1n, currency: "JPY" })).toEqual({ email: { count: 6, sumMinor: "8" } });
  });

  it("let attempts slide out of each window by themselves", () => {
    const now = 10 * 86_400_000;
    const ago = (minutes: number) => ({ at: now - minutes * 60_000, currency: "EUR", amountMinor: 100n });
    const { ip } = velocityOf({ ip: [ago(0), ago(4.9), ago(5), ago(59), ago(60), ago(1_439), ago(10_079), ago(10_080)] }, now, "EUR");
    expect(Object.entries(ip!).map(([minutes, { count }]) => [minutes, count])).toEqual([
      ["5", 2],
      ["15", 3],
      ["60", 4],
      ["360", 5],
      ["1440", 6],
      ["10080", 7],
    ]);
  });

  it("forget what is older than a week, and the whole key a week after its last attempt", async () => {
    const tenantId = randomUUID();
    await attempt(tenantId, { ip: "i" });
    const [key = ""] = await keysOf(tenantId);
    const week = 10_080 * 60_000;
    await redis.hset(key, "old", `${Date.now() - week - 60_000}|EUR|900`, "young", `${Date.now() - week + 600_000}|EUR|900`);
    const counted = (await attempt(tenantId, { ip: "i" }))!;
    expect(velocityOf(counted.remembered, counted.now, "EUR").ip![10_080]).toEqual({ count: 3, sumMinor: "1100" });
    expect(await redis.hexists(key, "old")).toBe(0);
    const left = await redis.pttl(key);
    expect([left > week - 600_000, left <= week]).toEqual([true, true]);
  });

  it("remember no more of one thing than the newest of them, however many come", async () => {
    const tenantId = randomUUID();
    await Promise.all(Array.from({ length: mostCounted + 40 }, () => attempt(tenantId, { email: "e" })));
    const [key = ""] = await keysOf(tenantId);
    expect(await redis.hlen(key)).toBe(mostCounted);
    expect((await hour(tenantId, { email: "e" }))["email"]!.count).toBeGreaterThanOrEqual(mostCounted);
    expect(await redis.hlen(key)).toBe(mostCounted);
  });

  it("hold keys of each organisation apart, with nothing of the payer in them but what was given to count by", async () => {
    const [one, other] = [randomUUID(), randomUUID()];
    await attempt(one, { email: "x", user: "u" });
    await attempt(other, { email: "x" });
    expect((await keysOf(one)).sort()).toEqual([`fraud:{${one}}:email:x`, `fraud:{${one}}:user:u`]);
    expect(await keysOf(other)).toEqual([`fraud:{${other}}:email:x`]);
  });
});
