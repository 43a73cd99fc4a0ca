import { errors } from "../../../config/errors.ts";
import { recordAct } from "../../../mixins/act.ts";
import { row, type Database, type Em } from "../../../mixins/database.ts";

/** Wrong codes before there are waits, seconds of the first wait, and of the longest: they double, and never lock for ever. */
const free = 5;
const firstWait = 30;
const longestWait = 3600;

/** What the audit log gets of a proof that was none. */
export const refusal = (userId: string) => ({ action: "factor.refused", outcome: "refused", actor: `user:${userId}`, userId }) as const;

/** Seconds to wait after so many wrong codes in a row. */
export const waitAfter = (failures: number): number => (failures < free ? 0 : Math.min(longestWait, firstWait * 2 ** (failures - free)));

/**
 * Lets a person try a code. Attempts of one person go one after another, whatever their number and wherever they come from: a code of six
 * digits is only as good as the number of guesses.
 * @param check in the transaction that also counts the attempt; undefined for a wrong code
 * @throws SECOND_FACTOR_WRONG, SIGN_IN_DELAYED with the seconds in `retryAfter`
 */
export async function attempt<T extends object>(db: Database, userId: string, check: (em: Em) => Promise<T | undefined>): Promise<T> {
  const outcome = await db.system(async (em) => {
    await em.execute(`insert into auth.factor_attempts (user_id) values (?) on conflict do nothing`, [userId], "run");
    const before = await row<{ failures: number; wait: number }>(
      em,
      `select failures, greatest(0, ceil(extract(epoch from retry_at - clock_timestamp())))::int as wait from auth.factor_attempts where user_id = ? for update`,
      [userId],
    );
    const { failures, wait } = before!;
    if (wait > 0) return { wait };
    const result = await check(em);
    const now = result ? 0 : failures + 1;
    await em.execute(
      `update auth.factor_attempts set failures = ?, retry_at = clock_timestamp() + ? * interval '1 second' where user_id = ?`,
      [now, waitAfter(now), userId],
      "run",
    );
    if (!result) await recordAct(em, "auth", { ...refusal(userId), code: "SECOND_FACTOR_WRONG" });
    return { result };
  });
  if (outcome.wait !== undefined)
    throw errors.signInDelayed(`Too many wrong codes; try again in ${outcome.wait} s.`, { retryAfter: outcome.wait });
  if (!outcome.result) throw errors.secondFactorWrong("This code is wrong, or it was used before.");
  return outcome.result;
}
