import { env } from "../../../config/env.ts";
import { errors, failureType } from "../../../config/errors.ts";
import { recordAct } from "../../../mixins/act.ts";
import type { Database, Em } from "../../../mixins/database.ts";
import { keyManager } from "../../../mixins/vault/kms/manager.ts";
import { attempt, refusal } from "./attempts.ts";
import { openSecret, useCode } from "./authenticator.ts";
import { verifyAssertion, type Assertion } from "./ceremony.ts";
import type { Proof } from "./fields.ts";
import { credentialById, notePasskeyUse, type StoredCredential } from "./passkeys.ts";
import { useRecoveryCode } from "./recovery.ts";
import { relyingParty } from "./relyingparty.ts";

/** Words of RFC 8176; "mfa" says that a second factor was shown, or a passkey that checked who used it. */
export const oneTime = ["otp", "mfa"];
export const byPasskey = ({ synced }: Pick<StoredCredential, "synced">): string[] => [synced ? "swk" : "hwk", "mfa"];

/**
 * Checks a second factor of a person.
 * @param challenge what a passkey had to sign; null where none was asked for
 * @param then goes on in the transaction that uses the proof up, told of the methods
 * @throws SECOND_FACTOR_WRONG, SIGN_IN_DELAYED, PASSKEY_REFUSED, and what `then` throws
 */
export async function proveFactor<T>(
  db: Database,
  userId: string,
  { code, recoveryCode, passkey }: Proof,
  challenge: string | null,
  then: (em: Em, methods: string[]) => Promise<T>,
): Promise<T> {
  if (passkey) return await provePasskey(db, passkey, challenge, { userId, alone: false }, (em, { methods }) => then(em, methods));
  const opened = code === undefined ? undefined : await openSecret(db, keyManager(env), userId, true);
  const { value } = await attempt(db, userId, async (em) => {
    const right =
      code === undefined
        ? await useRecoveryCode(em, env.CLUSTER_SECRET, userId, recoveryCode ?? "")
        : opened !== undefined && (await useCode(em, userId, opened, code));
    return right ? { value: await then(em, oneTime) } : undefined;
  });
  return value;
}

/**
 * Checks a passkey: of a person that is known, or to learn who it is.
 * @param of whose it has to be, if that is known; `alone`: it stands for password and second factor at once
 * @throws PASSKEY_REFUSED, and what `then` throws
 */
export async function provePasskey<T>(
  db: Database,
  assertion: Assertion,
  challenge: string | null,
  of: { userId?: string; alone: boolean },
  then: (em: Em, proved: { userId: string; methods: string[] }) => Promise<T>,
): Promise<T> {
  const credential = await db.system((em) => credentialById(em, assertion.id));
  if (!credential || challenge === null || (of.userId !== undefined && credential.userId !== of.userId))
    throw errors.passkeyRefused("The passkey was not taken: it is not registered here.");
  const counter = await verifyAssertion(relyingParty(env), challenge, credential, assertion, of.alone).catch(async (error: unknown) => {
    const object = `passkey:${credential.id}`;
    await db.system((em) => recordAct(em, "auth", { ...refusal(credential.userId), object, code: failureType(error) }));
    throw error;
  });
  return await db.system(async (em) => {
    if (!(await notePasskeyUse(em, credential.id, counter)))
      throw errors.passkeyRefused("The passkey was not taken: it was removed or used at the same moment.");
    return await then(em, { userId: credential.userId, methods: byPasskey(credential) });
  });
}
