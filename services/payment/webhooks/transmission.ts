import { crc32 } from "node:zlib";

/** What PayPal says about a delivery, in its headers. */
export interface Transmission {
  id: string;
  /** As it came: it is part of what is signed. */
  time: string;
  /** Base64. */
  signature: string;
  certificateUrl: string;
  algorithm: string;
}

const headers = {
  id: "paypal-transmission-id",
  time: "paypal-transmission-time",
  signature: "paypal-transmission-sig",
  certificateUrl: "paypal-cert-url",
  algorithm: "paypal-auth-algo",
} as const satisfies Record<keyof Transmission, string>;

/** Every header that says something about a delivery: these are kept with the event. */
export const transmissionHeaders: readonly string[] = [...Object.values(headers), "paypal-auth-version"];

/** Longer than any that PayPal sends. */
const longest = 2_000;

/** Reads the headers. @returns a sentence instead when one is missing or can't be */
export function readTransmission(given: Record<string, string | undefined>): Transmission | string {
  const read = {} as Transmission;
  for (const [field, name] of Object.entries(headers) as [keyof Transmission, string][]) {
    const value = given[name];
    if (!value) return `The header ${name} is missing.`;
    if (value.length > longest) return `The header ${name} has ${value.length} characters.`;
    read[field] = value;
  }
  if (Number.isNaN(Date.parse(read.time))) return "The header paypal-transmission-time is no time.";
  return read;
}

/** What PayPal signs: the checksum of the bytes as an unsigned decimal. */
export const signedText = ({ id, time }: Transmission, webhookId: string, body: Buffer): string =>
  `${id}|${time}|${webhookId}|${crc32(body)}`;
