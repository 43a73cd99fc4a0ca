import { hkdfSync } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { LRUCache } from "lru-cache";
import { importJWK, jwtVerify, SignJWT, type JWK, type JWTPayload, type JWTVerifyGetKey } from "jose";
import { secondFactors, type Permission, type Principal, type SecondFactor } from "../config/permissions.ts";
import { errors, messageOf } from "../config/errors.ts";
import type { Revocations } from "./revocations.ts";

/** RFC 9068 access tokens of people and keys. */
export const tokenIssuer = "legendo-sync";
export const tokenAudience = "legendo";
const serviceIssuer = "legendo-service";
const serviceClaimSeconds = 60;
/** Unknown key ids make a node ask for the keys no more often than this. */
const fetchEveryMs = 200;

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

interface Verdict {
  principal: Principal;
  /** Milliseconds since 1970. */
  issued: number;
  expires: number;
  /** Of the revocations that it was compared with. */
  epoch: number;
}

/**
 * Verifies claims and remembers the verdict until it expires: a signature check costs ~100 µs, a look-up under one. Claims are remembered as they
 * are, in memory alone and only once they were verified: each request looks twice or more, and a digest would cost more than all else of it.
 * What is revoked meanwhile is refused at the next look.
 */
export class ClaimVerifier {
  private readonly verdicts = new LRUCache<string, Verdict>({ max: 10_000 });
  private keys = new Map<string, Awaited<ReturnType<typeof importJWK>>>();
  private fetched = 0;
  private fetching: Promise<void> | undefined;
  private readonly secret: Uint8Array;
  private readonly source: KeySource;
  private readonly revocations: Revocations;

  constructor(clusterSecret: string, source: KeySource, revocations: Revocations) {
    this.secret = serviceKey(clusterSecret);
    this.source = source;
    this.revocations = revocations;
  }

  /** Whom a claim that was verified before, has not expired and was not revoked belongs to. */
  known(claim: string | undefined): Principal | undefined {
    if (!claim) return undefined;
    const verdict = this.verdicts.get(claim);
    return verdict && verdict.expires > Date.now() && this.stands(verdict) ? verdict.principal : undefined;
  }

  /** @throws UNAUTHENTICATED, saying what is wrong with the claim */
  async verify(claim: string | undefined): Promise<Principal> {
    if (!claim) throw errors.unauthenticated("A token or API key is required; none was sent.");
    const known = this.known(claim);
    if (known) return known;
    const payload = await this.payload(claim);
    // Services' claims hold a minute and can't be revoked.
    if (payload.iss !== serviceIssuer) await this.revocations.known();
    const verdict = { principal: principalOf(payload), issued: issuedAt(payload), expires: (payload.exp ?? 0) * 1000, epoch: -1 };
    if (!this.stands(verdict)) throw errors.unauthenticated("The token was revoked.", { reason: "revoked" });
    this.verdicts.set(claim, verdict);
    return verdict.principal;
  }

  private stands(verdict: Verdict): boolean {
    const { epoch } = this.revocations;
    if (verdict.epoch === epoch) return true;
    if (this.revocations.cover(verdict.principal, verdict.issued)) return false;
    verdict.epoch = epoch;
    return true;
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
      throw errors.unauthenticated(`The token is not valid: ${messageOf(error)}.`, { reason: reasonOf(error) }, error);
    }
  }

  private async publicKey(kid: string) {
    const asked = Date.now();
    // An unknown kid may be a key made a moment ago. Asking is bounded, so that made-up kids can't flood the auth service: they wait, together.
    for (let wait = 0; !this.keys.has(kid) && this.fetched <= asked; wait = this.fetched + fetchEveryMs - Date.now()) {
      if (wait > 0) await sleep(wait);
      await this.fetch();
    }
    const key = this.keys.get(kid);
    if (!key) throw new Error("no key of the auth service has that kid");
    return key;
  }

  private async fetch(): Promise<void> {
    if (!this.fetching && Date.now() - this.fetched < fetchEveryMs) return;
    this.fetching ??= (async () => {
      try {
        const began = Date.now();
        const keys = await this.source();
        this.keys = new Map(await Promise.all(keys.map(async (jwk) => [jwk.kid, await importJWK(jwk, "EdDSA")] as const)));
        this.fetched = began;
      } finally {
        this.fetching = undefined;
      }
    })();
    await this.fetching;
  }
}

/** What a client may decide by; the sentence says more. */
function reasonOf(error: unknown): string {
  const { code, claim } = error as { code?: string; claim?: string };
  if (code === "ERR_JWT_EXPIRED") return "expired";
  if (code === "ERR_JWT_CLAIM_VALIDATION_FAILED")
    return { aud: "audience", iss: "issuer", nbf: "early", typ: "type" }[claim ?? ""] ?? "claims";
  if (code === "ERR_JWS_SIGNATURE_VERIFICATION_FAILED") return "signature";
  if (code === "ERR_JOSE_ALG_NOT_ALLOWED") return "algorithm";
  return code === undefined ? "key" : "malformed";
}

function principalOf(payload: JWTPayload): Principal {
  const subject = String(payload.sub);
  const userId = typeof payload["uid"] === "string" ? payload["uid"] : null;
  const policyVersion = payload["pv"];
  const principal = {
    tenantId: String(payload["tid"]),
    subject,
    userId,
    permissions: payload["prm"] as Permission[],
    ...(typeof policyVersion === "number" && { policyVersion }),
  };
  if (typeof payload["sid"] !== "string") return principal;
  const session = {
    id: payload["sid"],
    methods: (payload["amr"] ?? []) as string[],
    authenticatedAt: Number(payload["auth_time"] ?? 0),
    ...(secondFactors.includes(payload["sf"] as SecondFactor) && { secondFactor: payload["sf"] as SecondFactor }),
  };
  return { ...principal, session };
}

/** Ids of our tokens are UUIDs of version 7 and tell the millisecond; `iat` tells the second. */
function issuedAt({ jti, iat = 0 }: JWTPayload): number {
  const [, high, low] = /^([0-9a-f]{8})-([0-9a-f]{4})-7/.exec(jti ?? "") ?? [];
  return high && low ? Number.parseInt(high + low, 16) : iat * 1000;
}
