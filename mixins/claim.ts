import { hash, hkdfSync } from "node:crypto";
import { LRUCache } from "lru-cache";
import { importJWK, jwtVerify, SignJWT, type JWK, type JWTPayload, type JWTVerifyGetKey } from "jose";
import type { Permission, Principal } from "../config/contracts.ts";
import { errors, messageOf } from "../config/errors.ts";

/** RFC 9068 access tokens of people and keys. */
export const tokenIssuer = "legendo-sync";
export const tokenAudience = "legendo";
const serviceIssuer = "legendo-service";
const serviceClaimSeconds = 60;

/** Key of the claims that services sign for each other; derived so that the cluster secret itself signs nothing. */
const serviceKey = (clusterSecret: string) => new Uint8Array(hkdfSync("sha256", clusterSecret, "", "service claims", 32));

/**
 * A claim by which one service calls another on behalf of a tenant. Valid for a minute.
 * @param permissions what the called actions ask for; usually ["internal"]
 */
export async function serviceClaim(
  clusterSecret: string,
  service: string,
  tenantId: string,
  permissions: Permission[] = ["internal"],
): Promise<string> {
  return await new SignJWT({ tid: tenantId, prm: permissions })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid: "service" })
    .setIssuer(serviceIssuer)
    .setAudience(tokenAudience)
    .setSubject(`service:${service}`)
    .setIssuedAt()
    .setExpirationTime(`${serviceClaimSeconds}s`)
    .sign(serviceKey(clusterSecret));
}

/** How a verifier learns the public keys of the auth service. */
export type KeySource = () => Promise<(JWK & { kid: string })[]>;

/**
 * Verifies claims and remembers the verdict by the claim's SHA-256 until it expires: a signature check costs ~100 µs, a look-up under one.
 */
export class ClaimVerifier {
  private readonly verdicts = new LRUCache<string, { principal: Principal; expires: number }>({ max: 20_000 });
  private keys = new Map<string, Awaited<ReturnType<typeof importJWK>>>();
  private fetched = 0;
  private fetching: Promise<void> | undefined;
  private readonly secret: Uint8Array;
  private readonly source: KeySource;

  constructor(clusterSecret: string, source: KeySource) {
    this.secret = serviceKey(clusterSecret);
    this.source = source;
  }

  /** Whom a claim that was verified before and has not expired belongs to. */
  known(claim: string | undefined): Principal | undefined {
    if (!claim) return undefined;
    const verdict = this.verdicts.get(digestOf(claim));
    return verdict && verdict.expires > Date.now() ? verdict.principal : undefined;
  }

  /** @throws UNAUTHENTICATED, saying what is wrong with the claim */
  async verify(claim: string | undefined): Promise<Principal> {
    if (!claim) throw errors.unauthenticated("A token or API key is required; none was sent.");
    const known = this.known(claim);
    if (known) return known;
    const payload = await this.payload(claim);
    const principal = principalOf(payload);
    this.verdicts.set(digestOf(claim), { principal, expires: (payload.exp ?? 0) * 1000 });
    return principal;
  }

  private async payload(claim: string): Promise<JWTPayload> {
    try {
      // The issuer decides which key may verify: a token signed with the services' secret can't pass for the auth service's, nor the reverse.
      const getKey: JWTVerifyGetKey = async (header) => (header.kid === "service" ? this.secret : await this.publicKey(header.kid ?? ""));
      const { payload, protectedHeader } = await jwtVerify(claim, getKey, {
        audience: tokenAudience,
        issuer: [tokenIssuer, serviceIssuer],
        algorithms: ["EdDSA", "HS256"],
        typ: "at+jwt",
        requiredClaims: ["sub", "exp", "tid", "prm"],
        clockTolerance: 5,
      });
      const byService = protectedHeader.kid === "service";
      if (byService !== (payload.iss === serviceIssuer) || byService !== (protectedHeader.alg === "HS256"))
        throw new Error("issuer and key do not belong together");
      return payload;
    } catch (error) {
      if ((error as { type?: string }).type) throw error;
      throw errors.unauthenticated(`The token is not valid: ${messageOf(error)}.`, undefined, error);
    }
  }

  private async publicKey(kid: string) {
    if (!this.keys.has(kid)) await this.fetch();
    const key = this.keys.get(kid);
    if (!key) throw new Error("no key of the auth service has that kid");
    return key;
  }

  /** An unknown kid may be a key made a moment ago; asking is bounded so that made-up kids can't flood the auth service. */
  private async fetch(): Promise<void> {
    if (!this.fetching && Date.now() - this.fetched < 1000) return;
    this.fetching ??= (async () => {
      try {
        const keys = await this.source();
        this.keys = new Map(await Promise.all(keys.map(async (jwk) => [jwk.kid, await importJWK(jwk, "EdDSA")] as const)));
        this.fetched = Date.now();
      } finally {
        this.fetching = undefined;
      }
    })();
    await this.fetching;
  }
}

const digestOf = (claim: string): string => hash("sha256", claim, "base64");

function principalOf(payload: JWTPayload): Principal {
  const subject = String(payload.sub);
  const userId = typeof payload["uid"] === "string" ? payload["uid"] : null;
  return { tenantId: String(payload["tid"]), subject, userId, permissions: payload["prm"] as Permission[] };
}
