import { calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type CryptoKey, type JWK } from "jose";
import { rows, type Database, type Em } from "../../mixins/database.ts";
import type { KeyContext, KeyManager } from "../../mixins/vault/keys.ts";
import { rewrapTable, type Rewrapped, type RewrapWish } from "../../mixins/vault/rewrap.ts";

/**
 * The key pairs that sign tokens (Ed25519). One is active; the next one is published before it signs, so that a verifier knows it by then;
 * retired ones stay published for the tokens they have signed.
 */
type State = "next" | "active" | "retired";
export type PublicKey = JWK & { kid: string };

export interface SigningPair {
  kid: string;
  privateKey: CryptoKey;
}

interface StoredKey {
  kid: string;
  public_jwk: PublicKey;
  master_key_id: string;
  sealed_private_jwk: Buffer;
}

const contextOf = (kid: string): KeyContext => ({ tenantId: "cluster", purpose: `signing key:${kid}` });

/** The pair that signs now; the first node that asks makes it. */
export async function activeSigningKey(db: Database, ring: KeyManager): Promise<SigningPair> {
  const stored = (await db.system((em) => keyIn(em, "active"))) ?? (await db.system((em) => first(em, ring)));
  // Only d, the 32 secret bytes, is sealed; the rest of the private JWK is the public one.
  const d = await ring.unwrap(stored.master_key_id, stored.sealed_private_jwk, contextOf(stored.kid));
  const key = await importJWK({ ...stored.public_jwk, d: d.toString("base64url") }, "EdDSA");
  return { kid: stored.kid, privateKey: key as CryptoKey };
}

/** Public halves by which tokens are verified, newest first. */
export async function publicKeys(db: Database): Promise<PublicKey[]> {
  const found = await db.system((em) =>
    rows<{ public_jwk: PublicKey }>(em, `select public_jwk from auth.signing_keys order by created_at desc, kid`),
  );
  return found.map((key) => key.public_jwk);
}

/**
 * Retires the active key, lets the next one sign and makes another next one. Nodes that remember the old one sign with it for up to a minute
 * more; its tokens stay valid.
 */
export const rotateSigningKey = (db: Database, ring: KeyManager): Promise<{ active: string; retired: string }> =>
  db.system(async (em) => {
    const { active, retired } = await rotateIn(em, ring);
    return { active: active!, retired: retired! };
  });

/** @param days rotates only a key that has been active for longer, for who waited here may find it done @returns undefined where nothing was to be done */
export async function rotateIn(em: Em, ring: KeyManager, days = 0): Promise<{ active?: string; retired?: string }> {
  await alone(em);
  const old = (await keyIn(em, "active")) ?? (await first(em, ring));
  if (days > 0 && !(await keyIn(em, "active", days))) return {};
  const next = await keyIn(em, "next");
  await move(em, old.kid, "retired");
  const active = next?.kid ?? (await make(em, ring, "active"));
  if (next) await move(em, next.kid, "active");
  await make(em, ring, "next");
  return { active, retired: old.kid };
}

const sealedKeys = {
  table: "auth.signing_keys",
  id: "kid",
  idType: "text",
  wrapped: "sealed_private_jwk",
  tenant: "null",
  context: (_tenantId: string, kid: string) => contextOf(kid),
} as const;

/** Wraps the private halves by the current master key; see `rewrapTable`. */
export const rewrapSigningKeys = (db: Database, ring: KeyManager, wish?: RewrapWish): Promise<Rewrapped> =>
  rewrapTable(db, ring, sealedKeys, wish);

async function first(em: Em, ring: KeyManager): Promise<StoredKey> {
  await alone(em);
  if (!(await keyIn(em, "active"))) {
    await make(em, ring, "active");
    await make(em, ring, "next");
  }
  return (await keyIn(em, "active"))!;
}

/** Nodes that start at the same time queue here; the unique index on the active key is the wall behind it. */
const alone = (em: Em) => em.execute(`select pg_advisory_xact_lock(hashtext('legendo signing keys'))`);

/** @param days only one that has been active for longer; not asked for 0, for now() is when a transaction began that may have waited for another's key */
const keyIn = async (em: Em, state: State, days = 0): Promise<StoredKey | undefined> =>
  (
    await rows<StoredKey>(
      em,
      `select kid, public_jwk, master_key_id, sealed_private_jwk from auth.signing_keys
       where state = ? and (? = 0 or coalesce(activated_at, created_at) <= now() - ? * interval '1 day') order by created_at limit 1`,
      [state, days, days],
    )
  )[0];

const move = (em: Em, kid: string, state: "active" | "retired") =>
  em.execute(
    `update auth.signing_keys set state = ?, ${state === "active" ? "activated_at" : "retired_at"} = now() where kid = ?`,
    [state, kid],
    "run",
  );

async function make(em: Em, ring: KeyManager, state: State): Promise<string> {
  const { privateKey } = await generateKeyPair("EdDSA", { extractable: true });
  const { d, ...half } = await exportJWK(privateKey);
  const kid = await calculateJwkThumbprint(half);
  const secret = Buffer.from(d!, "base64url");
  const { keyId, wrapped } = await ring.wrap(secret, contextOf(kid));
  secret.fill(0);
  await em.execute(
    `insert into auth.signing_keys (kid, state, public_jwk, master_key_id, sealed_private_jwk) values (?, ?, ?::jsonb, ?, ?)`,
    [kid, state, JSON.stringify({ ...half, kid, alg: "EdDSA", use: "sig" }), keyId, wrapped],
    "run",
  );
  return kid;
}
