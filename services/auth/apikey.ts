import { createHmac, hkdfSync, randomBytes } from "node:crypto";
import { crc32 } from "node:zlib";

/**
 * An API key reads `lgd_<id>_<secret>_<checksum>` in base 62: one double click selects all of it, scanners for leaked secrets find it by its
 * prefix, and a mistyped one is refused by its checksum without a look into the database.
 */
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const shape = /^lgd_([0-9A-Za-z]{22})_([0-9A-Za-z]{43})_([0-9A-Za-z]{6})$/;

export interface ParsedKey {
  id: string;
  secret: string;
}

/** A new key for that id: 256 random bits. */
export function makeApiKey(id: string): ParsedKey & { key: string } {
  const secret = base62(BigInt(`0x${randomBytes(32).toString("hex")}`), 43);
  const body = `lgd_${base62(BigInt(`0x${id.replaceAll("-", "")}`), 22)}_${secret}`;
  return { id, secret, key: `${body}_${checksum(body)}` };
}

/** Id and secret of a key, or undefined for what is none: another shape or a wrong checksum. */
export function parseApiKey(key: string): ParsedKey | undefined {
  const [, id, secret, sum] = shape.exec(key) ?? [];
  if (!id || !secret || sum !== checksum(`lgd_${id}_${secret}`)) return undefined;
  const hex = number62(id).toString(16).padStart(32, "0");
  if (hex.length > 32) return undefined;
  return { id: hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5"), secret };
}

/** What is stored of a key. The pepper comes from the cluster secret: a stolen database alone verifies nothing. */
export function keyHasher(clusterSecret: string): (key: ParsedKey) => Buffer {
  const pepper = Buffer.from(hkdfSync("sha256", clusterSecret, "", "api key pepper", 32));
  return ({ id, secret }) => createHmac("sha256", pepper).update(`${id} ${secret}`).digest();
}

const checksum = (body: string) => base62(BigInt(crc32(body)), 6);

function base62(value: bigint, length: number): string {
  let text = "";
  for (let rest = value; text.length < length; rest /= 62n) text = digits[Number(rest % 62n)]! + text;
  return text;
}

const number62 = (text: string) => [...text].reduce((sum, digit) => sum * 62n + BigInt(digits.indexOf(digit)), 0n);
