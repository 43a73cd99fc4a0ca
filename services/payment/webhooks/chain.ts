import { X509Certificate, type KeyObject } from "node:crypto";

const most = 6;
const block = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g;

/** Reading a certificate costs more than most of what is done with it. */
const read = new WeakMap<readonly string[], X509Certificate[]>();

function anchorsOf(roots: readonly string[]): X509Certificate[] {
  const anchors = read.get(roots) ?? roots.map((root) => new X509Certificate(root));
  read.set(roots, anchors);
  return anchors;
}

export interface Expected {
  /** Whom the first certificate has to name. */
  name: string;
  /** PEM of the authorities that are believed. */
  roots: readonly string[];
  /** When the certificates have to be valid. */
  at: Date;
}

/**
 * The key of the first certificate of a bundle, once the whole way from it to a trusted root holds.
 * @returns a sentence instead, saying what does not hold
 */
export function trustedKey(pem: string, expected: Expected): KeyObject | string {
  const { name, roots, at } = expected;
  let given: X509Certificate[];
  try {
    given = (pem.match(block) ?? []).slice(0, most).map((one) => new X509Certificate(one));
  } catch {
    return "The certificate can't be read.";
  }
  const [leaf, ...others] = given;
  if (!leaf) return "There is no certificate.";
  if (leaf.ca) return "The certificate is an authority's.";
  // "always": some of PayPal's certificates named themselves by their common name alone.
  if (leaf.checkHost(name, { subject: "always", wildcards: false, partialWildcards: false }) === undefined)
    return `The certificate is not for ${name}.`;
  if (leaf.publicKey.asymmetricKeyType !== "rsa" || (leaf.publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < 2048)
    return "The certificate's key is not RSA of 2048 bits or more.";
  const anchors = anchorsOf(roots);
  let current = leaf;
  for (let step = 0; step < most; step++) {
    const fault = faultOf(current, at);
    if (fault) return fault;
    if (anchors.some((anchor) => !faultOf(anchor, at, true) && isIssuer(anchor, current))) return leaf.publicKey;
    const next = others.find((other) => other !== current && isIssuer(other, current));
    if (!next) break;
    current = next;
  }
  return "The certificate does not lead to an authority that is trusted.";
}

/** A root's own signature says nothing. */
function faultOf(certificate: X509Certificate, at: Date, isRoot = false): string | null {
  if (at < certificate.validFromDate || at > certificate.validToDate) return "A certificate was not valid when this was sent.";
  if (!isRoot && !/sha-?(256|384|512)/i.test(certificate.signatureAlgorithm ?? "")) return "A certificate is not signed with SHA-2.";
  return null;
}

const isIssuer = (issuer: X509Certificate, of: X509Certificate) => issuer.ca && of.checkIssued(issuer) && of.verify(issuer.publicKey);
