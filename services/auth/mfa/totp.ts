import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { base32 } from "./base32.ts";

/** Seconds of a step, digits of a code, and steps to either side that are taken too: clocks of phones differ. */
const period = 30;
const codeDigits = 6;
const tolerance = 1;

/** 160 bits, as RFC 4226 advises. */
export const makeSecret = (): Buffer => randomBytes(20);

/** The one-time password of a counter. Source: RFC 4226, 5.3. */
export function hotp(secret: Uint8Array, counter: number, digits = codeDigits, algorithm: "sha1" | "sha256" | "sha512" = "sha1"): string {
  const message = Buffer.alloc(8);
  message.writeBigUInt64BE(BigInt(counter));
  const mac = createHmac(algorithm, secret).update(message).digest();
  const offset = mac.at(-1)! & 0xf;
  return String((mac.readUInt32BE(offset) & 0x7fffffff) % 10 ** digits).padStart(digits, "0");
}

/** The step of a moment. Source: RFC 6238, 4.2. @param at milliseconds since 1970 */
export const stepAt = (at: number): number => Math.floor(at / 1000 / period);

/**
 * The step whose code this is, near to now and after the one that was used last: a code works once (RFC 6238, 5.2), also for who looked over
 * a shoulder. All steps are compared, so that the time it takes says nothing.
 */
export function stepOf(secret: Uint8Array, code: string, now: number, lastStep: number): number | undefined {
  let found: number | undefined;
  const given = Buffer.from(code.padEnd(codeDigits).slice(0, codeDigits));
  for (let step = stepAt(now) - tolerance; step <= stepAt(now) + tolerance; step++)
    if (given.length === codeDigits && timingSafeEqual(given, Buffer.from(hotp(secret, step))) && step > lastStep) found ??= step;
  return code.length === codeDigits ? found : undefined;
}

/** What an authenticator app reads from a QR code (Key URI format); SHA-1, six digits and 30 s are what all of them know. */
export function keyUri(secret: Uint8Array, issuer: string, account: string): string {
  const label = `${encodeURIComponent(issuer)}:${encodeURIComponent(account)}`;
  return `otpauth://totp/${label}?secret=${base32(secret)}&issuer=${encodeURIComponent(issuer)}&algorithm=SHA1&digits=${codeDigits}&period=${period}`;
}
