import { errors } from "../../../config/errors.ts";
import { row, type Em } from "../../../mixins/database.ts";
import type { Issued } from "../issuer.ts";
import { verifyPassword } from "../passwords/hash.ts";
import type { Person } from "../person.ts";
import { freshen, fresherToken } from "../sessions/freshen.ts";
import type { Access, SessionWorks } from "../sessions/session.ts";
import { attempt } from "./attempts.ts";
import { challengeOf, takeChallenge } from "./challenges.ts";
import { factorsOf, hasSecondFactor } from "./factors.ts";
import type { Proof } from "./fields.ts";
import { proveFactor } from "./prove.ts";

/**
 * Proves again who the person of a session is: by a second factor, and who has none by the password.
 * @param token of the challenge that a passkey has signed
 * @returns a fresher token of the same session
 * @throws VALIDATION_FAILED for a password of who has more than that; CHALLENGE_INVALID, SESSION_ENDED, and as `proveFactor`
 */
export async function stepUp(
  works: SessionWorks,
  who: Person,
  { password, token, ...proof }: Proof & { password?: string; token?: string },
): Promise<Issued> {
  const { userId, tenantId, session } = who;
  const note = (em: Em, methods: string[]) => freshen(em, session.id, tenantId, methods);
  if (password !== undefined) return await fresherToken(works, await byPassword(works, userId, password, (em) => note(em, ["pwd"])));
  const challenge = token === undefined ? null : (await works.db.system((em) => challengeOf(em, "step-up", token, userId))).challenge;
  const access = await proveFactor(works.db, userId, proof, challenge, async (em, methods) => {
    if (token !== undefined) await takeChallenge(em, token);
    return await note(em, methods);
  });
  return await fresherToken(works, access);
}

async function byPassword({ db }: SessionWorks, userId: string, password: string, note: (em: Em) => Promise<Access>): Promise<Access> {
  const { stored, factors } = await db.system(async (em) => ({
    stored: await row<{ hash: string }>(em, `select password_hash as hash from auth.users where id = ?`, [userId]),
    factors: await factorsOf(em, userId),
  }));
  if (hasSecondFactor(factors)) throw errors.invalid([{ pointer: "/password", detail: "is not enough: show your second factor" }]);
  // Outside of the transaction: it takes long. Who guesses in parallel is stopped by the attempt.
  const right = await verifyPassword(password, stored?.hash);
  return await attempt(db, userId, async (em) => (right ? await note(em) : undefined));
}
