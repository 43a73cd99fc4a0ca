import type { Client } from "../../../config/permissions.ts";
import { errors } from "../../../config/errors.ts";
import type { Database } from "../../../mixins/database.ts";
import type { Redis } from "../../../mixins/redis.ts";
import { askFactor } from "../mfa/ask.ts";
import { challengeOf, takeChallenge } from "../mfa/challenges.ts";
import { proveFactor } from "../mfa/prove.ts";
import { secondFactorOf } from "../mfa/standing.ts";
import { provePassword } from "../passwords/prove.ts";

/** Who signs in on the provider's page and how they proved it (RFC 8176), or the token of the sign-in that waits for their second factor. */
export type Proved = { userId: string; methods: string[] } | { token: string };

/**
 * Takes what the page's form holds: address and password, or the token and a code.
 * @throws UNAUTHENTICATED, SIGN_IN_DELAYED, SECOND_FACTOR_WRONG, CHALLENGE_INVALID, each with a sentence for the person; SECOND_FACTOR_MISSING
 * for who has none where the organisation wants one
 */
export async function prove(
  { db, redis }: { db: Database; redis: Redis },
  tenantId: string,
  form: URLSearchParams,
  client: Client,
): Promise<Proved> {
  const token = form.get("token");
  if (token !== null) return await proveSecond(db, token, (form.get("code") ?? "").trim());
  const { userId } = await provePassword(db, redis, { email: form.get("email") ?? "", password: form.get("password") ?? "" }, client);
  const methods = ["pwd"];
  const asked = await askFactor(db, "sign-in", userId, { tenantId, methods });
  if (asked) return { token: asked.token };
  if ((await db.system((em) => secondFactorOf(em, { userId, tenantId }))) === "missing")
    throw errors.secondFactorMissing(
      "This organisation asks for a second factor, and you have none yet: sign in to it itself and set one up.",
    );
  return { userId, methods };
}

async function proveSecond(db: Database, token: string, code: string): Promise<Proved> {
  const { userId, challenge, signIn } = await db.system((em) => challengeOf(em, "sign-in", token));
  const proof = /^\d{6}$/.test(code) ? { code } : { recoveryCode: code };
  const methods = await proveFactor(db, userId!, proof, challenge, async (em, methods) => {
    await takeChallenge(em, token);
    return methods;
  });
  return { userId: userId!, methods: [...(signIn?.methods ?? []), ...methods] };
}
