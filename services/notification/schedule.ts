const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** Waits before each attempt, in ms: the schedule that Standard Webhooks advises, over a bit more than three days. */
const webhookWaits = [0, 5 * second, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour];
/** Mails are wanted sooner, and end by what they are worth. */
const mailWaits = [0, 5 * second, 30 * second, 2 * minute, 5 * minute, 10 * minute, 30 * minute, hour, 4 * hour, 12 * hour, 24 * hour];
const longestRetryAfter = 24 * hour;

/** How long to wait after so many attempts, in ms; null when that was the last. */
export type Schedule = (attempts: number, retryAfterMs: number | null) => number | null;

/**
 * The wait before the next attempt, spread by a fifth up and down so that what failed together does not come back together.
 * A receiver's Retry-After can lengthen it, up to a day; it can't shorten it.
 * @param random from 0 to 1
 */
const spread =
  (waits: readonly number[]) =>
  (attempts: number, retryAfterMs: number | null, random: () => number = Math.random): number | null => {
    const wait = waits[attempts];
    if (wait === undefined) return null;
    return Math.round(Math.max(wait * (0.8 + 0.4 * random()), Math.min(retryAfterMs ?? 0, longestRetryAfter)));
  };

export const nextWait = spread(webhookWaits);
export const nextMailWait = spread(mailWaits);
