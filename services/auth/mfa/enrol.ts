import { env } from "../../../config/env.ts";
import { errors } from "../../../config/errors.ts";
import { recordAct } from "../../../mixins/act.ts";
import { row, type Em } from "../../../mixins/database.ts";
import { keyManager } from "../../../mixins/vault/kms/manager.ts";
import type { Issued } from "../issuer.ts";
import type { Person } from "../person.ts";
import { freshen, fresherToken } from "../sessions/freshen.ts";
import type { Access, SessionWorks } from "../sessions/session.ts";
import { attempt } from "./attempts.ts";
import { openSecret, useCode } from "./authenticator.ts";
import { creationOptions, verifyRegistration, type CreationOptions, type Registration } from "./ceremony.ts";
import { challengeOf, openChallenge, takeChallenge, type OpenChallenge } from "./challenges.ts";
import { credentialsOf, storePasskey, type ShownPasskey } from "./passkeys.ts";
import { byPasskey, oneTime } from "./prove.ts";
import { hasRecoveryCodes, makeRecoveryCodes } from "./recovery.ts";
import { relyingParty } from "./relyingparty.ts";

/** A second factor counts from now on: the session's next token, which knows of it, and the recovery codes that come with the first one. */
export interface Enrolled extends Issued {
  /** Shown this once. */
  recoveryCodes?: string[];
}

interface Counted {
  access: Access;
  recoveryCodes?: string[];
}

/** Whoever has just shown a new factor has proved it. */
async function counted(em: Em, { userId, tenantId, session }: Person, object: string, methods: string[]): Promise<Counted> {
  await recordAct(em, "auth", { action: "factor.added", outcome: "allowed", object });
  const codes = (await hasRecoveryCodes(em, userId)) ? {} : { recoveryCodes: await makeRecoveryCodes(em, env.CLUSTER_SECRET, userId) };
  return { access: await freshen(em, session.id, tenantId, methods), ...codes };
}

async function enrolled(works: SessionWorks, { access, ...codes }: Counted): Promise<Enrolled> {
  return { ...(await fresherToken(works, access)), ...codes };
}

/**
 * Makes an authenticator app count by its first code.
 * @throws NOT_FOUND when none was begun; SECOND_FACTOR_WRONG, SIGN_IN_DELAYED
 */
export async function confirmAuthenticator(works: SessionWorks, who: Person, code: string): Promise<Enrolled> {
  const opened = await openSecret(works.db, keyManager(env), who.userId, false);
  if (!opened) throw errors.notFound("There is no authenticator app that waits for its first code; begin with a new secret.");
  const done = await attempt(works.db, who.userId, async (em) =>
    (await useCode(em, who.userId, opened, code)) ? await counted(em, who, `authenticator:${who.userId}`, oneTime) : undefined,
  );
  return await enrolled(works, done);
}

export interface PasskeyBegun extends OpenChallenge {
  /** For navigator.credentials.create(). */
  options: CreationOptions;
}

export async function beginPasskey({ db }: Pick<SessionWorks, "db">, { userId }: Person): Promise<PasskeyBegun> {
  const { email, credentials } = await db.system(async (em) => ({
    email: (await row<{ email: string }>(em, `select email from auth.users where id = ?`, [userId]))!.email,
    credentials: await credentialsOf(em, userId),
  }));
  const options = await creationOptions(relyingParty(env), { userId, email }, credentials);
  const { challenge } = options;
  return { ...(await db.system((em) => openChallenge(em, "passkey-registration", { userId, challenge, signIn: null }))), options };
}

/** @throws CHALLENGE_INVALID, PASSKEY_REFUSED, CONFLICT */
export async function finishPasskey(
  works: SessionWorks,
  who: Person,
  { token, name, passkey }: { token: string; name: string; passkey: Registration },
): Promise<Enrolled & { passkey: ShownPasskey }> {
  const { challenge } = await works.db.system((em) => challengeOf(em, "passkey-registration", token, who.userId));
  const made = await verifyRegistration(relyingParty(env), challenge, passkey);
  const { stored, done } = await works.db.system(async (em) => {
    await takeChallenge(em, token);
    const stored = await storePasskey(em, who.userId, name, made);
    return { stored, done: await counted(em, who, `passkey:${stored.id}`, byPasskey(made)) };
  });
  return { passkey: stored, ...(await enrolled(works, done)) };
}
