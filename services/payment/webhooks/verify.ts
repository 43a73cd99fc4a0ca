import { verify } from "node:crypto";
import { failureType, messageOf } from "../../../config/errors.ts";
import type { Certificates } from "./certificates.ts";
import { trustedKey } from "./chain.ts";
import { signedText, type Transmission } from "./transmission.ts";
import { certificateUrl, type Trust } from "./trust.ts";

/** undecided: the certificate can't be had just now. */
export type Verdict = { verdict: "genuine" } | { verdict: "forged" | "undecided"; reason: string };

/** PayPal tries a delivery again for three days. */
const oldestMs = 4 * 86_400_000;
/** How far its clock may be ahead of ours. */
const aheadMs = 10 * 60_000;

const forged = (reason: string): Verdict => ({ verdict: "forged", reason });

/**
 * Whether PayPal has sent these bytes to this webhook. Offline but for the certificate, which is fetched from PayPal's own hosts alone, and once.
 * @param body as it came: a body that was parsed and written again has another checksum
 * @param webhookId PayPal's id of the webhook that it was sent to
 * @throws PAYMENT_GATEWAY_THROTTLED when too many certificates were asked for just now: strangers can bring that about, so PayPal is not asked instead
 */
export async function verifyTransmission(
  body: Buffer,
  transmission: Transmission,
  webhookId: string,
  trust: Trust,
  certificates: Certificates,
  now: () => number = Date.now,
): Promise<Verdict> {
  if (transmission.algorithm !== "SHA256withRSA")
    return forged(`The signature is by ${transmission.algorithm}; SHA256withRSA was expected.`);
  const at = Date.parse(transmission.time);
  if (at < now() - oldestMs || at > now() + aheadMs) return forged("It was sent too long ago, or is yet to be sent.");
  const url = certificateUrl(trust, transmission.certificateUrl);
  if (!url) return forged("The certificate is not at one of PayPal's addresses.");

  let pem: string | null;
  let roots: readonly string[];
  try {
    [pem, roots] = await Promise.all([certificates.get(url), trust.roots()]);
  } catch (error) {
    if (failureType(error) === "PAYMENT_GATEWAY_THROTTLED") throw error;
    return { verdict: "undecided", reason: `The certificate can't be fetched: ${messageOf(error)}` };
  }
  if (pem === null) return forged("PayPal has no such certificate.");
  const key = trustedKey(pem, { name: trust.name, roots, at: new Date(at) });
  if (typeof key === "string") return forged(key);
  const signature = Buffer.from(transmission.signature, "base64");
  const text = Buffer.from(signedText(transmission, webhookId, body));
  return verify("sha256", text, key, signature) ? { verdict: "genuine" } : forged("The signature does not belong to this body.");
}
