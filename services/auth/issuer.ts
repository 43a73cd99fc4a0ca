import { SignJWT } from "jose";
import { v7 as uuidv7 } from "uuid";
import type { Principal } from "../../config/permissions.ts";
import { tokenAudience, tokenIssuer } from "../../mixins/claim.ts";
import type { Database } from "../../mixins/database.ts";
import type { KeyManager } from "../../mixins/vault/keys.ts";
import { activeSigningKey, type SigningPair } from "./signingkeys.ts";

/** How long a signing key is used before it is asked for again: a rotation reaches every node within this time. */
const rememberedMs = 60_000;

export interface Issued {
  token: string;
  /** ISO 8601. */
  expiresAt: string;
}

/** Signs claims: who calls, for which tenant, with which permissions. Every node verifies them by mixins/claim.ts. */
export class Issuer {
  private readonly db: Database;
  private readonly ring: KeyManager;
  private remembered: { pair: Promise<SigningPair>; until: number } | undefined;

  constructor(db: Database, ring: KeyManager) {
    this.db = db;
    this.ring = ring;
  }

  /**
   * @param seconds how long the claim holds; claims carry whole seconds
   * @param at when what it says was true, in milliseconds since 1970: what is revoked later covers it
   */
  async issue(principal: Principal, seconds: number, at = Date.now()): Promise<Issued> {
    const { kid, privateKey } = await this.pair();
    const now = Math.floor(Date.now() / 1000);
    const { userId: uid, tenantId: tid, permissions: prm, policyVersion: pv, session } = principal;
    const signedIn = session && { sid: session.id, amr: session.methods, auth_time: session.authenticatedAt, sf: session.secondFactor };
    const token = await new SignJWT({ uid, tid, prm, ...(pv !== undefined && { pv }), ...signedIn })
      .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", kid })
      .setIssuer(tokenIssuer)
      .setAudience(tokenAudience)
      .setSubject(principal.subject)
      .setIssuedAt(now)
      .setExpirationTime(now + seconds)
      .setJti(uuidv7({ msecs: Math.floor(at) }))
      .sign(privateKey);
    return { token, expiresAt: new Date((now + seconds) * 1000).toISOString() };
  }

  /** Asks for the signing key again before it signs next: there is another. */
  forget(): void {
    this.remembered = undefined;
  }

  /** Loads the signing key, or makes the first one. */
  async pair(): Promise<SigningPair> {
    if (!this.remembered || this.remembered.until < Date.now()) {
      const pair = activeSigningKey(this.db, this.ring);
      const mine = { pair, until: Date.now() + rememberedMs };
      this.remembered = mine;
      // What failed is not remembered: the next caller tries again.
      pair.catch(() => this.remembered === mine && (this.remembered = undefined));
    }
    return await this.remembered.pair;
  }
}
