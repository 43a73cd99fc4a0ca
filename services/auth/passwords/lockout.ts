import { hash } from "node:crypto";
import { errors } from "../../../config/errors.ts";
import { subscriberOf } from "../../../mixins/networks.ts";
import { needed, type Redis } from "../../../mixins/redis.ts";

interface Limit {
  /** Failures before the first delay. */
  free: number;
  /** Milliseconds that the delay grows to, doubling from a second on. */
  ceiling: number;
}

/** An account may be tried from many addresses and an address may stand for many people, so these two are patient. */
export const limits = {
  pair: { free: 10, ceiling: 15 * 60_000 },
  account: { free: 30, ceiling: 5 * 60_000 },
  address: { free: 60, ceiling: 15 * 60_000 },
} as const satisfies Record<string, Limit>;

const counted = Object.values(limits).flatMap((limit) => [limit.free, limit.ceiling]);
const free = Object.values(limits).map((limit) => limit.free);

/** Failures are forgotten an hour after the last one, what signed in from where after 90 days. */
const forgetMs = 3_600_000;
const knownMs = 90 * 86_400_000;

/**
 * Counts a failure before it is known to be one, so that a thousand at once are not all let in. While something is locked nothing counts, or a
 * flood could lock for ever. KEYS: who signed in here before, then what is counted. ARGV: forgetMs, then free and ceiling of each.
 * Answers with milliseconds to wait, 1 when this one begins a delay, and 1 for who signed in here before.
 */
const begin = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local last = redis.call('EXISTS', KEYS[1]) == 1 and 2 or #KEYS
local wait = 0
for i = 2, last do wait = math.max(wait, tonumber(redis.call('HGET', KEYS[i], 'until') or '0') - now) end
if wait > 0 then return {wait, 0, 0} end
local begun = 0
for i = 2, last do
  local failures = redis.call('HINCRBY', KEYS[i], 'failures', 1)
  local over = failures - tonumber(ARGV[i * 2 - 2])
  if over >= 0 then
    redis.call('HSET', KEYS[i], 'until', now + math.min(1000 * 2 ^ math.min(over, 30), tonumber(ARGV[i * 2 - 1])))
    begun = 1
  end
  redis.call('PEXPIRE', KEYS[i], ARGV[1])
end
return {0, begun, last == 2 and 1 or 0}`;

/** Takes back what was counted. ARGV: 1 when the password was right, knownMs, then the free failures of each. */
const settle = `
local right = ARGV[1] == '1'
local last = redis.call('EXISTS', KEYS[1]) == 1 and 2 or #KEYS
for i = 2, last do
  if right and i == 2 then redis.call('DEL', KEYS[i])
  elseif redis.call('EXISTS', KEYS[i]) == 1 and redis.call('HINCRBY', KEYS[i], 'failures', -1) < tonumber(ARGV[i + 1]) then
    redis.call('HDEL', KEYS[i], 'until')
  end
end
if right then redis.call('SET', KEYS[1], '1', 'PX', ARGV[2]) end`;

/**
 * Lets a proof of a password happen, or not yet: per account, per address, and per both together, with growing delay and never for ever. Who
 * has signed in from there before is held up by their own mistakes alone: a flood of wrong passwords, at their account or from their
 * address, does not keep them out.
 * @param proof is told whether who asks signed in from there before; it resolves when the password was right, and rejects with UNAUTHENTICATED when it was wrong
 * @param locked told when a delay begins by this failure
 * @throws SIGN_IN_DELAYED with `retryAfter` in seconds; SERVICE_UNAVAILABLE while Redis is away: nothing counts then, so nothing may be tried
 */
export async function guarded<T>(
  redis: Redis,
  { email, address }: { email: string; address: string | undefined },
  proof: (known: boolean) => Promise<T>,
  locked: () => Promise<unknown>,
): Promise<T> {
  const keys = keysOf(email, address);
  const settled = (right: boolean) => needed(redis.eval(settle, keys.length, ...keys, right ? 1 : 0, knownMs, ...free));
  const [wait, begun, known] = (await needed(redis.eval(begin, keys.length, ...keys, forgetMs, ...counted))) as [number, number, number];
  if (wait > 0) {
    const retryAfter = Math.ceil(wait / 1000);
    throw errors.signInDelayed(`Too many wrong passwords; try again in ${retryAfter} s.`, { retryAfter });
  }
  try {
    const proved = await proof(known === 1);
    await settled(true);
    return proved;
  } catch (error) {
    const wrong = (error as { type?: string }).type === "UNAUTHENTICATED";
    if (!wrong) await settled(false);
    else if (begun) await locked();
    throw error;
  }
}

/** Forgets the failures of an account, and of it from that address: its person has proved to be who they are by other means. */
export const lift = (redis: Redis, email: string, address: string | undefined) => redis.del(keysOf(email, address).slice(1, 3));

/** In the order of `limits`. Without an address (a call from inside) only the account counts. */
function keysOf(email: string, address: string | undefined): string[] {
  const account = hash("sha256", email.toLowerCase(), "base64url");
  const from = address === undefined ? "inside" : subscriberOf(address);
  const keys = [`known:${account}:${from}`, `failures:pair:${account}:${from}`, `failures:account:${account}`];
  return address === undefined ? keys : [...keys, `failures:address:${from}`];
}
