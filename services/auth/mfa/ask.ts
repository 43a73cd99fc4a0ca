import { env } from "../../../config/env.ts";
import type { Database } from "../../../mixins/database.ts";
import { requestOptions, type RequestOptions } from "./ceremony.ts";
import { openChallenge, type Challenge, type OpenChallenge, type Purpose } from "./challenges.ts";
import { factorsOf, hasSecondFactor } from "./factors.ts";
import { credentialsOf } from "./passkeys.ts";
import { relyingParty } from "./relyingparty.ts";

/** What a person is asked to show. */
export interface FactorAsked extends OpenChallenge {
  /** With what the token can be answered. */
  accepts: ("code" | "recoveryCode" | "passkey")[];
  /** For navigator.credentials.get(), where a passkey is among these. */
  passkeyOptions?: RequestOptions;
}

/** Asks for a second factor. @returns undefined when the person has none */
export async function askFactor(
  db: Database,
  purpose: Purpose,
  userId: string,
  signIn: Challenge["signIn"] = null,
): Promise<FactorAsked | undefined> {
  const { factors, credentials } = await db.system(async (em) => ({
    factors: await factorsOf(em, userId),
    credentials: await credentialsOf(em, userId),
  }));
  if (!hasSecondFactor(factors)) return undefined;
  const options = await requestOptions(relyingParty(env), credentials);
  const opened = await db.system((em) => openChallenge(em, purpose, { userId, challenge: options.challenge, signIn }));
  const accepts: FactorAsked["accepts"] = [];
  if (factors.authenticator) accepts.push("code");
  if (credentials.length) accepts.push("passkey");
  if (factors.recoveryCodes) accepts.push("recoveryCode");
  return { ...opened, accepts, ...(credentials.length && { passkeyOptions: options }) };
}
