import { createCipheriv, createDecipheriv, createHmac, hash, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";

/**
 * A refresh token reads `lgr_` and 80 characters of base64url: session (16 bytes), generation (4), secret (24), and a MAC of these (16) by a key
 * from the cluster secret. The MAC tells a token of ours that is used up, which means theft, from one that somebody made up, which means nothing.
 */
const shape = /^lgr_([\w-]{80})$/;
const prefix = "lgr_";

export interface ParsedToken {
  sessionId: string;
  generation: number;
}

const macKey = (clusterSecret: string) => Buffer.from(hkdfSync("sha256", clusterSecret, "", "refresh tokens", 32));
const macOf = (clusterSecret: string, body: Buffer) => createHmac("sha256", macKey(clusterSecret)).update(body).digest().subarray(0, 16);

export function makeRefreshToken(clusterSecret: string, { sessionId, generation }: ParsedToken): string {
  const body = Buffer.alloc(20);
  body.write(sessionId.replaceAll("-", ""), "hex");
  body.writeUInt32BE(generation, 16);
  const signed = Buffer.concat([body, randomBytes(24)]);
  return prefix + Buffer.concat([signed, macOf(clusterSecret, signed)]).toString("base64url");
}

/** Undefined for what is no refresh token of this cluster. */
export function parseRefreshToken(clusterSecret: string, token: string): ParsedToken | undefined {
  const [, text] = shape.exec(token) ?? [];
  if (!text) return undefined;
  const bytes = Buffer.from(text, "base64url");
  const signed = bytes.subarray(0, 44);
  if (!timingSafeEqual(bytes.subarray(44), macOf(clusterSecret, signed))) return undefined;
  const sessionId = signed.toString("hex", 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  return { sessionId, generation: signed.readUInt32BE(16) };
}

/** What is stored of a token: its secret has 192 random bits, so a plain hash tells nothing. */
export const tokenHash = (token: string): Buffer => hash("sha256", token, "buffer");

/** The key by which a child is sealed comes from its parent: the database alone opens nothing, only who shows the parent gets the child. */
const sealKey = (parent: string) => Buffer.from(hkdfSync("sha256", parent, "", "refresh token child", 32));

/** @returns nonce (12 bytes), ciphertext, tag (16) */
export function sealChild(parent: string, child: string): Buffer {
  const nonce = randomBytes(12);
  const cipher = createCipheriv("aes-256-gcm", sealKey(parent), nonce);
  return Buffer.concat([nonce, cipher.update(child), cipher.final(), cipher.getAuthTag()]);
}

export function openChild(parent: string, sealed: Buffer): string {
  const decipher = createDecipheriv("aes-256-gcm", sealKey(parent), sealed.subarray(0, 12));
  decipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([decipher.update(sealed.subarray(12, -16)), decipher.final()]).toString();
}
