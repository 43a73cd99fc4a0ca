import { X509Certificate } from "node:crypto";
import { messageOf } from "../../../config/errors.ts";

/** What is wrong with certificates in PEM that someone gave; undefined when they can be read. */
export function certificateFault(pem: string): string | undefined {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g);
  if (!blocks) return "must be a certificate in PEM: -----BEGIN CERTIFICATE----- …";
  try {
    for (const block of blocks) new X509Certificate(block);
    return undefined;
  } catch (error) {
    return `holds a certificate that can't be read: ${messageOf(error)}`;
  }
}
