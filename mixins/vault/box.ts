import { createCipheriv, createDecipheriv, randomBytes, type KeyObject } from "node:crypto";
import { errors } from "../../config/errors.ts";

const NONCE = 12;
const TAG = 16;

/** Seals something small by AES-256-GCM: nonce, ciphertext, tag; 28 bytes more. `bound` has to be said again to open it. */
export function box(key: KeyObject, bound: string, bytes: Uint8Array): Buffer {
  const nonce = randomBytes(NONCE);
  const cipher = createCipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG }).setAAD(Buffer.from(bound));
  return Buffer.concat([nonce, cipher.update(bytes), cipher.final(), cipher.getAuthTag()]);
}

/** @throws VAULT_KEY_UNUSABLE, naming `what` */
export function unbox(key: KeyObject, bound: string, sealed: Uint8Array, what: string): Buffer {
  if (sealed.length < NONCE + TAG) throw errors.vaultKey(`${what} has ${sealed.length} bytes; at least ${NONCE + TAG} were expected.`);
  const decipher = createDecipheriv("aes-256-gcm", key, sealed.subarray(0, NONCE), { authTagLength: TAG }).setAAD(Buffer.from(bound));
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(NONCE, sealed.length - TAG)), decipher.final()]);
  } catch (cause) {
    throw errors.vaultKey(`${what} does not open with this key: another key or context sealed it, or it was altered.`, undefined, cause);
  }
}
