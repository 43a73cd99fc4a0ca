import { createHash, sign, verify } from "node:crypto";
import { crc32 } from "node:zlib";
import { issueCertificate, type Party } from "./certificate.ts";

const day = 86_400_000;

/** A chain like PayPal's: root, an authority below it, and a leaf that lives two years and names the sandbox. */
function makeChain(): { root: Party; authority: Party; leaf: Party } {
  const life = (days: number) => ({ from: new Date(Date.now() - day), to: new Date(Date.now() + days * day) });
  const root = issueCertificate({ name: "PayPal Simulator Root CA", issuer: null, isAuthority: true, ...life(3_650) });
  const authority = issueCertificate({ name: "PayPal Simulator EV CA", issuer: root, isAuthority: true, ...life(1_825) });
  const name = "messageverificationcerts.sandbox.paypal.com";
  return { root, authority, leaf: issueCertificate({ name, issuer: authority, isAuthority: false, ...life(730) }) };
}

/** One chain for all simulators of a process: keys take a moment to make. */
let made: ReturnType<typeof makeChain> | undefined;
const chain = () => (made ??= makeChain());

/** What a verifier has to trust, as PEM. */
export const trustRoot = (): string => chain().root.pem;

/** The leaf and the authority that issued it, as `/v1/notifications/certs/CERT-…` serves them. */
export const certificateChain = (): string => chain().leaf.pem + chain().authority.pem;

/** The last part of the certificate's address, e.g. "CERT-360caa42-fca2a594-1d93a270". */
export function certificateName(): string {
  const digest = createHash("sha256").update(chain().leaf.pem).digest("hex");
  return `CERT-${digest.slice(0, 8)}-${digest.slice(8, 16)}-${digest.slice(16, 24)}`;
}

/** What PayPal signs: the checksum is an unsigned decimal. */
const signedText = (transmissionId: string, time: string, webhookId: string, body: string) =>
  Buffer.from(`${transmissionId}|${time}|${webhookId}|${crc32(body)}`);

export interface Transmission {
  transmissionId: string;
  /** ISO 8601. */
  time: string;
  webhookId: string;
  body: string;
}

/** The six headers of a delivery. */
export function signatureHeaders({ transmissionId, time, webhookId, body }: Transmission, origin: string): Record<string, string> {
  return {
    "paypal-transmission-id": transmissionId,
    "paypal-transmission-time": time,
    "paypal-transmission-sig": sign("sha256", signedText(transmissionId, time, webhookId, body), chain().leaf.key).toString("base64"),
    "paypal-cert-url": `${origin}/v1/notifications/certs/${certificateName()}`,
    "paypal-auth-algo": "SHA256withRSA",
    "paypal-auth-version": "v2",
  };
}

/** Whether a signature is ours. */
export const isSigned = ({ transmissionId, time, webhookId, body }: Transmission, signature: string): boolean =>
  verify("sha256", signedText(transmissionId, time, webhookId, body), chain().leaf.pem, Buffer.from(signature, "base64"));
