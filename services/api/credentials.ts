import { createHash } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { decodeJwt } from "jose";
import { LRUCache } from "lru-cache";
import { errors } from "../../config/errors.ts";
import { within } from "../../mixins/networks.ts";
import { connectionOf, type EdgeRequest } from "./exchange.ts";

/** Of API keys and of access tokens of the OpenID provider: what has to be exchanged for a claim. */
const keyPrefix = "lgd_";
const accessTokenPrefix = "lgo_";
/** How long a revoked key may live on when the event of its revocation is lost. */
const cacheMs = 30_000;

/** The claim behind an API key, and the CIDRs from which it may be used: null for anywhere. */
export interface VerifiedKey {
  claim: string;
  networks: string[] | null;
}

/** Asks the auth service for the claim behind an API key. @throws UNAUTHENTICATED */
export type VerifyKey = (key: string) => Promise<VerifiedKey>;

/** Finds the claim of a request: the token itself, or what the auth service gives for an API key. Keys are remembered by hash alone. */
export class Credentials {
  private readonly verifyKey: VerifyKey;
  private readonly claims = new LRUCache<string, VerifiedKey>({ max: 10_000, ttl: cacheMs });
  private readonly asked = new Map<string, Promise<VerifiedKey>>();
  /** The token that a connection sent last, under the header it came in. */
  private readonly sent = new WeakMap<object, { authorization: string; claim: string }>();
  private revocations = 0;

  constructor(verifyKey: VerifyKey) {
    this.verifyKey = verifyKey;
  }

  /**
   * A connection mostly sends the token that it sent before. To compare the header costs next to nothing; to cut the token out of it and to hash its
   * 700 bytes, as each new string that is looked up in a map has to be, costs as much as all else that is done for a caller who is known.
   * @returns at once for a token, which is its own claim
   * @throws UNAUTHENTICATED when there is none, or two different ones; FORBIDDEN for a key that may not be used from there
   */
  claimOf(req: Pick<EdgeRequest, "headers" | "stream" | "socket" | "from">): string | Promise<string> {
    const { headers, from } = req;
    const { authorization } = headers;
    const connection = connectionOf(req);
    const last = this.sent.get(connection);
    if (last && last.authorization === authorization && headers["x-api-key"] === undefined) return last.claim;
    const credential = credentialOf(headers);
    if (credential.startsWith(keyPrefix) || credential.startsWith(accessTokenPrefix)) return this.exchanged(credential, from);
    if (authorization !== undefined) this.sent.set(connection, { authorization, claim: credential });
    return credential;
  }

  /** Forgets what was exchanged for a revoked subject. @param subject "key:<uuid>", "token:<hex>" */
  drop(subject: string): void {
    this.revocations++;
    for (const [digest, { claim }] of this.claims.entries()) if (subjectOf(claim) === subject) this.claims.delete(digest);
  }

  private async exchanged(credential: string, from: string | undefined): Promise<string> {
    const { claim, networks } = await this.ofKey(credential);
    if (networks && !within(from, networks))
      throw errors.forbidden(`This API key may not be used from ${from ?? "an unknown address"}.`, { address: from ?? null });
    return claim;
  }

  private async ofKey(key: string): Promise<VerifiedKey> {
    const digest = createHash("sha256").update(key).digest("base64");
    const known = this.claims.get(digest);
    if (known) return known;
    // A burst with a key that is not known yet asks once.
    let asking = this.asked.get(digest);
    if (!asking) {
      asking = this.verifyKey(key).finally(() => this.asked.delete(digest));
      this.asked.set(digest, asking);
    }
    const before = this.revocations;
    const verified = await asking;
    const remainingMs = ((decodeJwt(verified.claim).exp ?? 0) - 5) * 1000 - Date.now();
    // A key that was revoked while the answer was on its way must not come back into the cache after `drop`.
    if (remainingMs > 0 && before === this.revocations) this.claims.set(digest, verified, { ttl: Math.min(cacheMs, remainingMs) });
    return verified;
  }
}

function credentialOf(headers: IncomingHttpHeaders): string {
  const apiKey = headers["x-api-key"];
  const bearer = headers.authorization === undefined ? undefined : bearerOf(headers.authorization);
  if (typeof apiKey === "string" && bearer !== undefined && apiKey !== bearer) {
    throw errors.unauthenticated("Authorization and X-API-Key carry different credentials; send one of them.");
  }
  const credential = bearer ?? (typeof apiKey === "string" ? apiKey.trim() : "");
  if (!credential) throw errors.unauthenticated("A token or API key is required; none was sent.");
  if (credential.length > 8192) throw errors.unauthenticated("The credential is longer than any token or API key.");
  if (bearer === undefined && !credential.startsWith(keyPrefix)) {
    throw errors.unauthenticated(`X-API-Key expects an API key, which begins with ${keyPrefix}; tokens go into Authorization: Bearer.`);
  }
  return credential;
}

function bearerOf(authorization: string): string {
  const [, token] = /^Bearer +(\S+) *$/i.exec(authorization) ?? [];
  if (!token) throw errors.unauthenticated('Authorization must be "Bearer <token or API key>".');
  return token;
}

const subjectOf = (claim: string): string => decodeJwt(claim).sub ?? "";
