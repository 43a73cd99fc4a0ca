import { env } from "../../../config/env.ts";
import type { Client } from "../../../config/permissions.ts";
import type { SessionWorks } from "../sessions/session.ts";
import { signIn, type SignedIn } from "../signin.ts";
import { requestOptions, type Assertion, type RequestOptions } from "./ceremony.ts";
import { challengeOf, openChallenge, takeChallenge, type OpenChallenge } from "./challenges.ts";
import type { Proof } from "./fields.ts";
import { proveFactor, provePasskey } from "./prove.ts";
import { relyingParty } from "./relyingparty.ts";

/**
 * Ends a sign-in that waits for its second factor.
 * @throws CHALLENGE_INVALID, and as `proveFactor` and `signIn`
 */
export async function finishSignIn(works: SessionWorks, token: string, proof: Proof, client: Client): Promise<SignedIn> {
  const { userId, challenge, signIn: asked } = await works.db.system((em) => challengeOf(em, "sign-in", token));
  const methods = await proveFactor(works.db, userId!, proof, challenge, async (em, methods) => {
    await takeChallenge(em, token);
    return methods;
  });
  const device = { ...client, name: asked?.device };
  return await signIn(works, { userId: userId!, tenantId: asked?.tenantId, methods: [...(asked?.methods ?? []), ...methods], device });
}

export interface PasskeyAsked extends OpenChallenge {
  /** For navigator.credentials.get(). */
  passkeyOptions: RequestOptions;
}

/** Begins a sign-in by whatever passkey the person has. */
export async function beginPasskeySignIn({ db }: Pick<SessionWorks, "db">): Promise<PasskeyAsked> {
  const options = await requestOptions(relyingParty(env));
  const begun = await db.system((em) => openChallenge(em, "passkey-sign-in", { userId: null, challenge: options.challenge, signIn: null }));
  return { ...begun, passkeyOptions: options };
}

/** @throws CHALLENGE_INVALID, PASSKEY_REFUSED, and as `signIn` */
export async function finishPasskeySignIn(
  works: SessionWorks,
  { token, passkey, tenantId, device }: { token: string; passkey: Assertion; tenantId?: string; device?: string },
  client: Client,
): Promise<SignedIn> {
  const { challenge } = await works.db.system((em) => challengeOf(em, "passkey-sign-in", token));
  const proved = await provePasskey(works.db, passkey, challenge, { alone: true }, async (em, proved) => {
    await takeChallenge(em, token);
    return proved;
  });
  return await signIn(works, { ...proved, tenantId, device: { ...client, name: device } });
}
