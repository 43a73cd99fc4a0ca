import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
  type AuthenticationResponseJSON,
  type PublicKeyCredentialCreationOptionsJSON,
  type PublicKeyCredentialRequestOptionsJSON,
  type RegistrationResponseJSON,
} from "@simplewebauthn/server";
import { errors, messageOf } from "../../../config/errors.ts";
import type { RelyingParty } from "./relyingparty.ts";

export type CreationOptions = PublicKeyCredentialCreationOptionsJSON;
export type RequestOptions = PublicKeyCredentialRequestOptionsJSON;
export type Registration = RegistrationResponseJSON;
export type Assertion = AuthenticationResponseJSON;

/** What is known of a passkey. */
export interface Credential {
  /** Base64url, of the authenticator's making. */
  credentialId: string;
  publicKey: Buffer;
  /** Of signatures; 0 for authenticators that do not count. */
  counter: number;
  transports: string[];
}

/** A passkey that was just made. */
export interface NewCredential extends Credential {
  /** Which model made it; zeros where it does not say. */
  aaguid: string;
  /** Whether it may be copied to other devices of its owner. */
  synced: boolean;
}

/** What a browser is to make a passkey by. @param existing of the same person: no authenticator gets two */
export const creationOptions = (
  { id, name }: RelyingParty,
  { userId, email }: { userId: string; email: string },
  existing: Pick<Credential, "credentialId" | "transports">[],
): Promise<CreationOptions> =>
  generateRegistrationOptions({
    rpID: id,
    rpName: name,
    userID: Buffer.from(userId),
    userName: email,
    excludeCredentials: existing.map(({ credentialId, transports }) => ({ id: credentialId, transports })),
    // Discoverable where the authenticator can: then it also signs in without address and password.
    authenticatorSelection: { residentKey: "preferred", userVerification: "preferred" },
  });

/** @throws PASSKEY_REFUSED */
export async function verifyRegistration({ id, origins }: RelyingParty, challenge: string, response: Registration): Promise<NewCredential> {
  try {
    const { verified, registrationInfo } = await verifyRegistrationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origins,
      expectedRPID: id,
      requireUserVerification: false,
    });
    if (!verified) throw new Error("the signature does not fit");
    const { credential, aaguid, credentialDeviceType } = registrationInfo;
    return {
      credentialId: credential.id,
      publicKey: Buffer.from(credential.publicKey),
      counter: credential.counter,
      transports: credential.transports ?? [],
      aaguid,
      synced: credentialDeviceType === "multiDevice",
    };
  } catch (error) {
    throw refused(error);
  }
}

/**
 * What a browser is to use a passkey by.
 * @param allowed the person's; whichever the person has, when the person is not known yet: it then has to check who uses it
 */
export const requestOptions = (
  { id }: RelyingParty,
  allowed?: Pick<Credential, "credentialId" | "transports">[],
): Promise<RequestOptions> =>
  generateAuthenticationOptions({
    rpID: id,
    userVerification: allowed ? "preferred" : "required",
    ...(allowed && { allowCredentials: allowed.map(({ credentialId, transports }) => ({ id: credentialId, transports })) }),
  });

/**
 * @param alone whether it stands for password and second factor at once: the authenticator has to have checked who uses it (PIN, finger, face)
 * @returns the authenticator's new count of signatures
 * @throws PASSKEY_REFUSED, also when that count fell: somebody has a copy
 */
export async function verifyAssertion(
  { id, origins }: RelyingParty,
  challenge: string,
  { credentialId, publicKey, counter, transports }: Credential,
  response: Assertion,
  alone: boolean,
): Promise<number> {
  try {
    const { verified, authenticationInfo } = await verifyAuthenticationResponse({
      response,
      expectedChallenge: challenge,
      expectedOrigin: origins,
      expectedRPID: id,
      credential: { id: credentialId, publicKey: new Uint8Array(publicKey), counter, transports },
      requireUserVerification: alone,
    });
    if (!verified) throw new Error("the signature does not fit");
    return authenticationInfo.newCounter;
  } catch (error) {
    throw refused(error);
  }
}

const refused = (error: unknown) => errors.passkeyRefused(`The passkey was not taken: ${messageOf(error)}.`, undefined, error);
