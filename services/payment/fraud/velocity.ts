import { epoch, rows, type Em } from "../../../mixins/database.ts";
import { helpful, type Redis } from "../../../mixins/redis.ts";
import type { Currency } from "../money.ts";
import { windows, type Dimension, type Facts } from "./facts.ts";

/** The newest attempts that are remembered of each thing that they are counted by. Whoever makes more in a week has long been over every limit. */
export const mostCounted = 500;
const horizonMs = windows.at(-1)! * 60_000;

/** What an attempt is counted by: values that tell of nobody without the cluster's secret. */
export type CountedBy = Partial<Record<Dimension, string>>;

export interface Attempt {
  tenantId: string;
  /** What makes two attempts one: a repeat is not counted again. */
  id: string;
  amountMinor: bigint;
  currency: Currency;
}

/** An attempt as it is remembered. Milliseconds since 1970. */
export interface Remembered {
  at: number;
  currency: string;
  amountMinor: bigint;
}

/**
 * Adds an attempt to each key, a hash of id → "at|currency|minor units" that is gone a week after its last one, and answers with the time and what each
 * key holds of the last week. KEYS: what it is counted by. ARGV: id, "currency|minor units", milliseconds of a week, most that are remembered.
 */
const script = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local horizon = now - tonumber(ARGV[3])
local answer = {string.format('%.0f', now)}
for _, key in ipairs(KEYS) do
  if redis.call('HSETNX', key, ARGV[1], string.format('%.0f', now) .. '|' .. ARGV[2]) == 1 then redis.call('PEXPIRE', key, ARGV[3]) end
  local all = redis.call('HGETALL', key)
  local kept, oldest, first = {}, nil, nil
  for i = 1, #all, 2 do
    local at = tonumber(string.match(all[i + 1], '^%d+'))
    if at <= horizon then redis.call('HDEL', key, all[i])
    else
      kept[#kept + 1] = all[i + 1]
      if all[i] ~= ARGV[1] and (not first or at < first) then oldest, first = all[i], at end
    end
  end
  if #kept > tonumber(ARGV[4]) and oldest then redis.call('HDEL', key, oldest) end
  answer[#answer + 1] = kept
end
return answer`;

const nameOf = (tenantId: string, dimension: string, value: string) => `fraud:{${tenantId}}:${dimension}:${value}`;

/**
 * Counts an attempt by everything that is known of it, in one step, however many come at once.
 * @returns what is remembered by each, this one included; undefined while Redis is away
 */
export async function countInRedis(
  redis: Redis,
  { tenantId, id, amountMinor, currency }: Attempt,
  by: CountedBy,
): Promise<{ now: number; remembered: Partial<Record<Dimension, Remembered[]>> } | undefined> {
  const counted = Object.entries(by) as [Dimension, string][];
  const keys = counted.map(([dimension, value]) => nameOf(tenantId, dimension, value));
  const answer = await helpful(redis.eval(script, keys.length, ...keys, id, `${currency}|${amountMinor}`, horizonMs, mostCounted));
  if (answer === undefined) return undefined;
  const [now, ...lists] = answer as [string, ...string[][]];
  const remembered = counted.map(([dimension], index) => [dimension, lists[index]!.map(read)] as const);
  return { now: Number(now), remembered: Object.fromEntries(remembered) };
}

function read(entry: string): Remembered {
  const [at, currency = "", minor = "0"] = entry.split("|");
  return { at: Number(at), currency, amountMinor: BigInt(minor) };
}

/**
 * What the stored assessments of an organisation remember, for while Redis is away. Attempts that are being made at the same moment do not see each
 * other here. The attempt itself is added.
 */
export async function countInPostgres(
  em: Em,
  { tenantId, amountMinor, currency }: Attempt,
  by: CountedBy,
): Promise<{ now: number; remembered: Partial<Record<Dimension, Remembered[]>> }> {
  const now = Date.now();
  const remembered: Partial<Record<Dimension, Remembered[]>> = {};
  for (const [dimension, value] of Object.entries(by) as [Dimension, string][]) {
    const found = await rows<{ at: number; currency: string; minor: string }>(
      em,
      `select ${epoch("created_at")} as at, currency, amount_minor::text as minor from payment.fraud_assessments
       where tenant_id = ? and ${dimension}_key = ? and created_at > now() - ? * interval '1 millisecond'
       order by created_at desc limit ${mostCounted - 1}`,
      [tenantId, value, horizonMs],
    );
    const before = found.map(({ at, currency: code, minor }) => ({ at, currency: code, amountMinor: BigInt(minor) }));
    remembered[dimension] = [...before, { at: now, currency, amountMinor }];
  }
  return { now, remembered };
}

/** Counts and sums of every window. Attempts of other currencies count, but what they come to can't be added. */
export function velocityOf(remembered: Partial<Record<Dimension, Remembered[]>>, now: number, currency: Currency): Facts["velocity"] {
  const over = (attempts: Remembered[]) =>
    Object.fromEntries(
      windows.map((minutes) => {
        const within = attempts.filter(({ at }) => at > now - minutes * 60_000);
        const sum = within.filter((attempt) => attempt.currency === currency).reduce((total, { amountMinor }) => total + amountMinor, 0n);
        return [minutes, { count: within.length, sumMinor: String(sum) }];
      }),
    );
  return Object.fromEntries(Object.entries(remembered).map(([dimension, attempts]) => [dimension, over(attempts)]));
}
