import { createHash, createHmac, randomBytes, type KeyObject } from "node:crypto";
import type { Act, ActDetails } from "../../../config/acts.ts";

/** An act in its place in a tenant's chain. This, and nothing else, is what a hash is made of. Times are ISO 8601 in UTC to the microsecond. */
export interface AuditRecord extends Omit<Act, "address" | "userAgent"> {
  position: number;
  recordedAt: string;
  /** The service that did it. */
  service: string;
  details: ActDetails | null;
  /** Commitment to address and user agent, hexadecimal; null when neither is known. */
  origin: string | null;
}

/** What can be erased without breaking the chain. The salt goes with it: a commitment alone can't be guessed at then. */
export interface Origin {
  address: string | null;
  userAgent: string | null;
  salt: string;
}

/** A row of the log as it is verified. */
export interface StoredRecord {
  record: AuditRecord;
  origin: Origin | null;
  previous: Buffer;
  hash: Buffer;
}

/** What the first record of a chain follows. */
export const beginning = Buffer.alloc(32);

/** JSON in the canonical form of RFC 8785: members in order of their names, no white space, numbers and strings as ECMAScript writes them. */
export function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return `{${members
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`)
    .join(",")}}`;
}

export const hashOf = (key: KeyObject, previous: Buffer, record: AuditRecord): Buffer =>
  createHmac("sha256", key).update(previous).update(canonical(record)).digest();

/** @returns null when there is nothing to keep apart */
export function originOf({ address, userAgent }: Pick<Act, "address" | "userAgent">): Origin | null {
  return address === null && userAgent === null ? null : { address, userAgent, salt: randomBytes(16).toString("base64url") };
}

export const commitment = (origin: Origin): string => createHash("sha256").update(canonical(origin)).digest("hex");

/** Milliseconds as PostgreSQL shows them. */
export const toMicroseconds = (iso: string): string => iso.replace(/Z$/, "000Z");
