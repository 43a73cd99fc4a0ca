import { createHash, randomBytes } from "node:crypto";

const letters = "ABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
const spelled = (bytes: Uint8Array) => Array.from(bytes, (byte) => letters[byte % letters.length]).join("");

/** An id such as PayPal gives to orders, captures and refunds: 17 capitals and digits unless told otherwise. */
export const paypalId = (length = 17) => spelled(randomBytes(length));

/** An id that is always the same for the same name. */
export const derivedId = (name: string) => spelled(createHash("sha256").update(name).digest().subarray(0, 17));

/** The payer id that an account always has: 13 capitals and digits, the same for the same name. */
export const accountId = (name: string) => spelled(createHash("sha256").update(name).digest().subarray(0, 13));
