import { hotp, stepAt } from "../services/auth/mfa/totp.ts";

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/** A secret as the app was told it. */
export function bytesOf(secret: string): Buffer {
  const bits = [...secret].map((digit) => digits.indexOf(digit).toString(2).padStart(5, "0")).join("");
  return Buffer.from(bits.match(/.{8}/g)!.map((byte) => parseInt(byte, 2)));
}

/** What an authenticator app shows for a secret in base 32: now, or steps before or after. */
export const codeOf = (secret: string, steps = 0): string => hotp(bytesOf(secret), stepAt(Date.now()) + steps);
