import { rootCertificates } from "node:tls";
import { X509Certificate } from "node:crypto";

/** Whose signatures are believed. */
export interface Trust {
  /** Where certificates may be fetched from: "https://host" of PayPal, or the simulator's origin. */
  origins: readonly string[];
  /** Whom the certificate has to name. */
  name: string;
  /** PEM of the authorities at the top. */
  roots(): Promise<readonly string[]>;
}

/** PayPal's certificates come from DigiCert. Any other of the authorities that Node trusts could be talked into one, so none of them counts. */
const digiCert = rootCertificates.filter((pem) => /^O=DigiCert/m.test(new X509Certificate(pem).subject));

const paypal = {
  production: { hosts: ["api.paypal.com", "api-m.paypal.com"], name: "messageverificationcerts.paypal.com" },
  sandbox: { hosts: ["api.sandbox.paypal.com", "api-m.sandbox.paypal.com"], name: "messageverificationcerts.sandbox.paypal.com" },
} as const;

/** PayPal itself. */
export function paypalTrust(environment: keyof typeof paypal): Trust {
  const { hosts, name } = paypal[environment];
  return { origins: hosts.map((host) => `https://${host}`), name, roots: () => Promise.resolve(digiCert) };
}

/** A simulator, which stands in for the sandbox with an authority of its own. */
export const simulatorTrust = (origin: string, roots: Trust["roots"]): Trust => ({ origins: [origin], name: paypal.sandbox.name, roots });

const path = /^\/v1\/notifications\/certs\/CERT-[\w-]{1,128}$/;

/**
 * The address of a certificate, when it is one that PayPal serves certificates at. Anybody may write anything into the header: what is not exactly
 * this is asked for nowhere.
 */
export function certificateUrl({ origins }: Trust, given: string): string | null {
  if (!URL.canParse(given)) return null;
  const url = new URL(given);
  const plain = url.username === "" && url.password === "" && url.search === "" && url.hash === "";
  return plain && origins.includes(url.origin) && path.test(url.pathname) ? url.href : null;
}
