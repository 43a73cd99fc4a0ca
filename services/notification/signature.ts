import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import { errors } from "../../config/errors.ts";

/**
 * Standard Webhooks 1.0.0, symmetric scheme: `v1,` + base64 of HMAC-SHA256 over "id.timestamp.body".
 * Source: github.com/standard-webhooks/standard-webhooks, spec/standard-webhooks.md.
 */
export interface SignatureHeaders {
  "webhook-id": string;
  "webhook-timestamp": string;
  "webhook-signature": string;
}

const prefix = "whsec_";
const toleranceSeconds = 300;

/** 32 random bytes to sign with. */
export const makeKey = (): Buffer => randomBytes(32);

/** A key as the receiver's owner gets it: "whsec_" + base64. */
export const secretOf = (key: Uint8Array): string => prefix + Buffer.from(key).toString("base64");

/** The key in a secret, with or without the prefix. */
export const keyOf = (secret: string): Buffer => Buffer.from(secret.startsWith(prefix) ? secret.slice(prefix.length) : secret, "base64");

const digest = (key: Uint8Array, id: string, timestamp: string, body: string | Uint8Array) =>
  createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();

/**
 * Headers of one attempt. Several keys give several signatures, so that a receiver is served while its secret is rotated.
 * @param at seconds since 1970: of this attempt, not of the event
 */
export function sign(keys: readonly Uint8Array[], id: string, at: number, body: string | Uint8Array): SignatureHeaders {
  const timestamp = String(Math.floor(at));
  const signatures = keys.map((key) => `v1,${digest(key, id, timestamp, body).toString("base64")}`);
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}

/**
 * Checks a signed message.
 * @param body the raw bytes, before any parser
 * @param now seconds since 1970
 * @throws UNAUTHENTICATED, saying what is wrong: a header, a timestamp more than five minutes off, or no signature by any of the keys
 */
export function verify(
  keys: readonly Uint8Array[],
  headers: Partial<SignatureHeaders>,
  body: string | Uint8Array,
  now = Date.now() / 1000,
): void {
  const { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures } = headers;
  if (!id || !timestamp || !signatures) {
    throw errors.unauthenticated("The headers webhook-id, webhook-timestamp and webhook-signature are required.");
  }
  if (!/^\d{1,12}$/.test(timestamp) || Math.abs(now - Number(timestamp)) > toleranceSeconds) {
    throw errors.unauthenticated(`webhook-timestamp must be unix seconds, at most ${toleranceSeconds} s away from now.`);
  }
  const given = signatures.split(" ").filter((signature) => signature.startsWith("v1,"));
  const matches = given.some((signature) => {
    const bytes = Buffer.from(signature.slice(3), "base64");
    return keys.some((key) => bytes.length === 32 && timingSafeEqual(bytes, digest(key, id, timestamp, body)));
  });
  if (!matches) throw errors.unauthenticated(`None of the ${given.length} v1 signatures was made with a known secret over this body.`);
}
