import { hash } from "node:crypto";
import { nameOf, pathProblem, timeOf, type Entry } from "../source.ts";

/** What is known of a file without reading it. */
export interface Facts {
  /** Bytes. */
  size: number;
  /** Milliseconds since 1970, whole seconds; null when nothing says. */
  modifiedAt: number | null;
  /** Entity tag without quotes and weakness; empty when there is none. */
  etag: string;
  /** "sha256:hex", or sha512, sha1; empty when there is none. */
  digest: string;
}

/** size.seconds.digest.etag */
export const fingerprintOf = ({ size, modifiedAt, etag, digest }: Facts): string =>
  [size.toString(36), modifiedAt === null ? "" : Math.floor(modifiedAt / 1000).toString(36), digest, etag].join(".");

export const contentTag = (fingerprint: string): string | null => fingerprint.split(".")[2] || null;

export function moveTag(fingerprint: string, path: string): string | null {
  const [size, seconds] = fingerprint.split(".");
  return contentTag(fingerprint) ?? (seconds ? `${size}.${seconds}.${nameOf(path)}` : null);
}

export function entryOf(path: string, facts: Facts): Entry {
  const problem = pathProblem(path);
  // U+0001 keeps the place in the order that the NUL had.
  if (problem) return { path: path.replaceAll("\0", "\u0001"), size: 0, modifiedAt: null, fingerprint: "", problem };
  return { path, size: facts.size, modifiedAt: facts.modifiedAt, fingerprint: fingerprintOf(facts) };
}

/** Milliseconds of an HTTP date, null for what is none. */
export function httpTime(text: string | undefined): number | null {
  const at = text && /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(at) ? null : timeOf(at);
}

/** Weak or not: bytes are asked for without any encoding, and a proxy that weakens a tag does not change them. */
export function etagOf(text: string | undefined): string {
  const tag = (text ?? "").trim().replace(/^W\//, "").replace(/^"|"$/g, "");
  return /^[\x21-\x7e]{0,64}$/.test(tag) ? tag : hash("sha256", tag).slice(0, 32);
}

const lengths: Record<string, number> = { sha256: 32, sha512: 64, sha1: 20 };

/** The strongest of the digests, "sha256:hex", that were found; those of an unknown kind or length count for nothing. */
export function strongest(found: Iterable<readonly [algorithm: string, bytes: Buffer]>): string {
  const known = new Map<string, string>();
  for (const [algorithm, bytes] of found) {
    const name = algorithm.toLowerCase().replace("-", "").replace(/^sha$/, "sha1");
    if (lengths[name] === bytes.length) known.set(name, `${name}:${bytes.toString("hex")}`);
  }
  return known.get("sha256") ?? known.get("sha512") ?? known.get("sha1") ?? "";
}

/** ownCloud's "SHA1:hex MD5:hex". */
export const ownCloudDigest = (text: string): string =>
  strongest([...text.matchAll(/([\w-]+):([0-9a-f]+)/gi)].map(([, name, hex]) => [name!, Buffer.from(hex!, "hex")]));
